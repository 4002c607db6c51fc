// What tools/fuzz begins with for debug information: functions within functions, and types.
struct pair { int first; struct pair *other; };
static inline __attribute__((always_inline)) int innermost(volatile struct pair *at) { return at->first * 3; }
static inline __attribute__((always_inline)) int inner(volatile struct pair *at) { return innermost(at) + at->first; }
static __attribute__((noinline)) int hidden(volatile struct pair *at) { return inner(at) - inner(at + 1); }
int shown(volatile struct pair *at) { return hidden(at) + inner(at) + hidden(at + 2); }
