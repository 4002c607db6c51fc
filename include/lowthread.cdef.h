/* lowthread 0.1.0: declarations for FFIs that read no preprocessor.
   Generated as lowthread.h is, which says what each does, and alone has:
   LT_NODISCARD, LT_IGNORE, LT_NORETURN, LT_ALIGNED, LT_HAS_X, LT_WITH_LOCK, LT_ONCE_FLAG_INIT, LT_TIMEOUT_MAX.
   An lt_once_flag is zeroed, at a multiple of 8. */

enum {
    LT_OK = 0,
    LT_BUSY = 1,
    LT_TIMED_OUT = 2,
    LT_INTERRUPTED = 3,
    LT_CLOSED = 4,
    LT_BROKEN = 5,
    LT_CANCELLED = 6,
    LT_FAILED = 7,
    LT_EMPTY = 8,
    LT_FULL = 9,
    LT_INVALID = -1,
    LT_BAD_HANDLE = -2,
    LT_NOT_HELD = -3,
    LT_NOT_OWNER = -4,
    LT_OVERFLOW = -5,
    LT_NO_MEMORY = -6,
    LT_NO_THREAD = -7,
    LT_DEADLOCK = -8,
    LT_UNSUPPORTED = -9,
    LT_FEATURE_FORK = 1,
    LT_FEATURE_SIGNALS = 2,
    LT_FEATURE_WAKE_IN_HANDLERS = 4,
    LT_FEATURE_AFFINITY = 8,
    LT_FEATURE_NO_MEMORY = 16,
    LT_FEATURE_PTHREADS = 32,
    LT_FEATURE_LINES = 64,
    LT_FOREVER = -1,
    LT_ERROR_RAISED = 1,
    LT_ERROR_CXX = 2,
    LT_ERROR_RUST = 3,
    LT_ERROR_FOREIGN = 4,
    LT_ERROR_EXITED = 5,
    LT_ALL = 0,
    LT_ANY = 1,
    LT_FIRST_ERROR = 2,
    LT_DEADLOCK_CYCLE = 0,
    LT_DEADLOCK_ORDER = 1,
    LT_INSIGHT_OWNERS = 1,
    LT_INSIGHT_DEADLOCK = 2,
    LT_INSIGHT_ORDER = 4,
    LT_INSIGHT_CONTENTION = 8,
    LT_CASE_LOCK = 1,
    LT_CASE_RLOCK = 2,
    LT_CASE_SEMAPHORE = 3,
    LT_CASE_EVENT = 4,
    LT_CASE_GET = 5,
    LT_CASE_PUT = 6,
    LT_CASE_READ = 7,
    LT_CASE_WRITE = 8,
    LT_CASE_JOIN = 9,
    LT_CASE_FUTURE = 10,
    LT_VERSION_MAJOR = 0,
    LT_VERSION_MINOR = 1,
    LT_VERSION_PATCH = 0
};

typedef int32_t lt_status;
typedef struct lt_lock lt_lock;
typedef void (*lt_thread_fn)(void *arg);
typedef uint64_t lt_ident;
typedef struct lt_error_info {
    size_t size;
    uint64_t ident;
    const char *thread_name;
    int32_t kind;
    int32_t code;
    const char *type_name;
    const char *message;
    const void *internal;
} lt_error_info;
typedef struct lt_errors lt_errors;
typedef void (*lt_excepthook)(const lt_error_info *info, void *arg);
typedef struct lt_thread lt_thread;
typedef struct lt_thread_options {
    size_t size;
    const char *name;
    size_t stack_size;
    bool daemon;
    lt_errors *errors;
} lt_thread_options;
typedef struct lt_thread_info {
    size_t size;
    lt_ident ident;
    int64_t native_id;
    bool daemon;
    bool joinable;
    char name[64];
} lt_thread_info;
typedef struct lt_local lt_local;
typedef void (*lt_local_destructor)(void *value);
typedef struct lt_rlock lt_rlock;
typedef struct lt_semaphore lt_semaphore;
typedef struct lt_event lt_event;
typedef struct lt_condition lt_condition;
typedef bool (*lt_predicate)(void *arg);
typedef struct lt_barrier lt_barrier;
typedef struct lt_rwlock lt_rwlock;
typedef struct lt_once_flag {
    uint64_t state;
} lt_once_flag;
typedef struct lt_spinlock lt_spinlock;
typedef struct lt_queue lt_queue;
typedef void (*lt_drop_fn)(void *item);
typedef void (*lt_signal_fn)(int signum, void *arg);
typedef struct lt_timer lt_timer;
typedef struct lt_watchdog lt_watchdog;
typedef void (*lt_timer_fn)(void *arg);
typedef struct lt_future lt_future;
typedef void (*lt_future_fn)(lt_future *future, void *arg);
typedef struct lt_pool lt_pool;
typedef void *(*lt_task_fn)(void *arg);
typedef struct lt_pool_info {
    size_t size;
    uint32_t max_workers;
    uint32_t workers;
    uint32_t idle;
    uint32_t running;
    size_t queued;
    uint64_t completed;
} lt_pool_info;
typedef struct lt_deadlock_link {
    uint64_t thread;
    const void *holds;
    const void *wants;
    const char *text;
} lt_deadlock_link;
typedef struct lt_deadlock_info {
    size_t size;
    int32_t kind;
    size_t count;
    const lt_deadlock_link *links;
} lt_deadlock_info;
typedef struct lt_wait_info {
    size_t size;
    lt_ident ident;
    lt_ident holder;
    const void *handle;
    double since;
    double until;
    char verb[16];
    char type[16];
    char name[64];
} lt_wait_info;
typedef void (*lt_deadlock_hook)(const lt_deadlock_info*, void*);
typedef struct lt_contention_info {
    size_t size;
    const void *handle;
    uint64_t waits;
    double waited;
    double longest_wait;
    double longest_hold;
    uint64_t handovers;
    char type[16];
    char name[64];
    char place[128];
} lt_contention_info;
typedef struct lt_case {
    int32_t op;
    lt_status status;
    const void *handle;
    void *item;
} lt_case;
typedef struct lt_watcher lt_watcher;
typedef void (*lt_ready_fn)(void *arg);

const char *lt_status_name(lt_status status);
const char *lt_status_message(lt_status status);
const char *lt_last_error(void);
lt_status lt_last_status(void);
int lt_last_errno(void);
unsigned int lt_features(void);
const char *lt_version(void);
double lt_monotonic(void);
lt_status lt_sleep(double seconds);
lt_lock *lt_allocate_lock(void);
lt_status lt_lock_free(lt_lock *lock);
lt_status lt_lock_acquire(lt_lock *lock);
lt_status lt_lock_try_acquire(lt_lock *lock);
lt_status lt_lock_acquire_timeout(lt_lock *lock, double seconds);
lt_status lt_lock_acquire_uninterruptible(lt_lock *lock);
lt_status lt_lock_release(lt_lock *lock);
bool lt_lock_locked(const lt_lock *lock);
lt_status lt_lock_at_fork_reinit(lt_lock *lock);
lt_status lt_start_new_thread(lt_thread_fn function, void *arg, lt_ident *ident);
lt_status lt_start_new_thread_copy(lt_thread_fn function, const void *args, size_t size, lt_ident *ident);
void lt_exit(void);
lt_ident lt_get_ident(void);
int64_t lt_get_native_id(void);
lt_ident lt_main_ident(void);
lt_status lt_adopt_main(void);
uintptr_t lt_native_handle(lt_ident ident);
size_t lt_thread_count(void);
size_t lt_stack_size(void);
lt_status lt_set_stack_size(size_t size);
lt_status lt_interrupt_main(int signum);
lt_status lt_interrupt(lt_ident ident);
lt_status lt_check_interrupt(void);
int lt_interrupt_signal(void);
void lt_raise(int code, const char *message);
lt_status lt_fail(int code, const char *message);
const char *lt_error_backtrace(const lt_error_info *info);
lt_status lt_set_excepthook(lt_excepthook hook, void *arg);
lt_errors *lt_errors_new(void);
lt_status lt_errors_free(lt_errors *errors);
lt_status lt_errors_get(lt_errors *errors, const lt_error_info **info);
size_t lt_errors_count(const lt_errors *errors);
lt_status lt_errors_clear(lt_errors *errors);
lt_status lt_spawn(lt_thread_fn function, void *arg, lt_errors *errors, lt_ident *ident);
lt_status lt_thread_start(lt_thread_fn function, void *arg, const lt_thread_options *options, lt_thread **thread);
lt_status lt_thread_join(lt_thread *thread);
lt_status lt_thread_try_join(lt_thread *thread);
lt_status lt_thread_join_timeout(lt_thread *thread, double seconds);
lt_status lt_thread_interrupt(lt_thread *thread);
lt_thread *lt_thread_current(void);
bool lt_thread_is_alive(const lt_thread *thread);
lt_ident lt_thread_ident(const lt_thread *thread);
int64_t lt_thread_native_id(const lt_thread *thread);
bool lt_thread_daemon(const lt_thread *thread);
lt_status lt_thread_error(lt_thread *thread, const lt_error_info **info);
lt_status lt_thread_free(lt_thread *thread);
lt_status lt_thread_name(lt_ident ident, char *buf, size_t len);
lt_status lt_set_thread_name(const char *name);
lt_status lt_shutdown(double seconds);
lt_status lt_enumerate(lt_thread_info *array, size_t capacity, size_t *count);
lt_local *lt_local_new(lt_local_destructor destructor);
lt_status lt_local_free(lt_local *local);
void *lt_local_get(const lt_local *local);
lt_status lt_local_set(lt_local *local, void *value);
lt_rlock *lt_rlock_new(void);
lt_status lt_rlock_free(lt_rlock *rlock);
lt_status lt_rlock_acquire(lt_rlock *rlock);
lt_status lt_rlock_acquire_uninterruptible(lt_rlock *rlock);
lt_status lt_rlock_try_acquire(lt_rlock *rlock);
lt_status lt_rlock_acquire_timeout(lt_rlock *rlock, double seconds);
lt_status lt_rlock_release(lt_rlock *rlock);
bool lt_rlock_locked(const lt_rlock *rlock);
bool lt_rlock_is_owned(const lt_rlock *rlock);
uint64_t lt_rlock_recursion_count(const lt_rlock *rlock);
lt_ident lt_rlock_owner(const lt_rlock *rlock);
uint64_t lt_rlock_depth(const lt_rlock *rlock);
lt_status lt_rlock_release_save(lt_rlock *rlock, uint64_t *count);
lt_status lt_rlock_acquire_restore(lt_rlock *rlock, uint64_t count);
lt_status lt_rlock_acquire_restore_uninterruptible(lt_rlock *rlock, uint64_t count);
lt_status lt_rlock_at_fork_reinit(lt_rlock *rlock);
lt_semaphore *lt_semaphore_new(uint32_t initial);
lt_semaphore *lt_semaphore_new_bounded(uint32_t initial, uint32_t max);
lt_status lt_semaphore_free(lt_semaphore *semaphore);
lt_status lt_semaphore_acquire(lt_semaphore *semaphore);
lt_status lt_semaphore_try_acquire(lt_semaphore *semaphore);
lt_status lt_semaphore_acquire_timeout(lt_semaphore *semaphore, double seconds);
lt_status lt_semaphore_release(lt_semaphore *semaphore, uint32_t n);
uint32_t lt_semaphore_value(const lt_semaphore *semaphore);
lt_event *lt_event_new(void);
lt_status lt_event_free(lt_event *event);
lt_status lt_event_set(lt_event *event);
lt_status lt_event_clear(lt_event *event);
bool lt_event_is_set(const lt_event *event);
lt_status lt_event_wait(lt_event *event);
lt_status lt_event_try_wait(lt_event *event);
lt_status lt_event_wait_timeout(lt_event *event, double seconds);
lt_condition *lt_condition_new(void);
lt_status lt_condition_free(lt_condition *condition);
lt_status lt_condition_wait(lt_condition *condition, lt_lock *lock);
lt_status lt_condition_wait_timeout(lt_condition *condition, lt_lock *lock, double seconds);
lt_status lt_condition_wait_for(lt_condition *condition, lt_lock *lock, lt_predicate predicate, void *arg, double seconds);
lt_status lt_condition_wait_rlock(lt_condition *condition, lt_rlock *rlock);
lt_status lt_condition_wait_rlock_timeout(lt_condition *condition, lt_rlock *rlock, double seconds);
lt_status lt_condition_wait_for_rlock(lt_condition *condition, lt_rlock *rlock, lt_predicate predicate, void *arg, double seconds);
lt_status lt_condition_notify(lt_condition *condition, uint32_t n);
lt_status lt_condition_notify_all(lt_condition *condition);
uint32_t lt_condition_waiting(const lt_condition *condition);
lt_barrier *lt_barrier_new(uint32_t parties, lt_thread_fn action, void *arg);
lt_status lt_barrier_free(lt_barrier *barrier);
lt_status lt_barrier_wait(lt_barrier *barrier, uint32_t *index);
lt_status lt_barrier_wait_timeout(lt_barrier *barrier, double seconds, uint32_t *index);
lt_status lt_barrier_reset(lt_barrier *barrier);
lt_status lt_barrier_abort(lt_barrier *barrier);
lt_status lt_barrier_drop(lt_barrier *barrier);
uint32_t lt_barrier_parties(const lt_barrier *barrier);
uint32_t lt_barrier_waiting(const lt_barrier *barrier);
bool lt_barrier_is_broken(const lt_barrier *barrier);
lt_rwlock *lt_rwlock_new(void);
lt_status lt_rwlock_free(lt_rwlock *rwlock);
lt_status lt_rwlock_read_acquire(lt_rwlock *rwlock);
lt_status lt_rwlock_try_read_acquire(lt_rwlock *rwlock);
lt_status lt_rwlock_read_acquire_timeout(lt_rwlock *rwlock, double seconds);
lt_status lt_rwlock_read_release(lt_rwlock *rwlock);
lt_status lt_rwlock_write_acquire(lt_rwlock *rwlock);
lt_status lt_rwlock_try_write_acquire(lt_rwlock *rwlock);
lt_status lt_rwlock_write_acquire_timeout(lt_rwlock *rwlock, double seconds);
lt_status lt_rwlock_write_release(lt_rwlock *rwlock);
lt_status lt_rwlock_at_fork_reinit(lt_rwlock *rwlock);
lt_status lt_call_once(lt_once_flag *flag, lt_thread_fn function, void *arg);
lt_spinlock *lt_spinlock_new(void);
lt_status lt_spinlock_free(lt_spinlock *spinlock);
lt_status lt_spinlock_acquire(lt_spinlock *spinlock);
lt_status lt_spinlock_try_acquire(lt_spinlock *spinlock);
lt_status lt_spinlock_release(lt_spinlock *spinlock);
lt_queue *lt_queue_new(size_t capacity);
lt_status lt_queue_free(lt_queue *queue);
lt_status lt_queue_put(lt_queue *queue, void *item);
lt_status lt_queue_try_put(lt_queue *queue, void *item);
lt_status lt_queue_put_timeout(lt_queue *queue, void *item, double seconds);
lt_status lt_queue_get(lt_queue *queue, void **item);
lt_status lt_queue_try_get(lt_queue *queue, void **item);
lt_status lt_queue_get_timeout(lt_queue *queue, double seconds, void **item);
lt_status lt_queue_put_many(lt_queue *queue, void *const *items, size_t n, double seconds, size_t *done);
lt_status lt_queue_get_many(lt_queue *queue, void **items, size_t n, double seconds, size_t *done);
lt_status lt_queue_close(lt_queue *queue, bool immediate);
lt_status lt_queue_set_drop(lt_queue *queue, lt_drop_fn drop);
lt_status lt_queue_task_done(lt_queue *queue);
lt_status lt_queue_join(lt_queue *queue);
lt_status lt_queue_try_join(lt_queue *queue);
lt_status lt_queue_join_timeout(lt_queue *queue, double seconds);
size_t lt_queue_size(const lt_queue *queue);
size_t lt_queue_capacity(const lt_queue *queue);
bool lt_queue_is_empty(const lt_queue *queue);
bool lt_queue_is_full(const lt_queue *queue);
bool lt_queue_is_closed(const lt_queue *queue);
lt_status lt_signal_to_main(int signum);
lt_status lt_signal_chain_to_main(int signum);
lt_status lt_signal_to_event(int signum, lt_event *event);
lt_status lt_signal_to_queue(int signum, lt_queue *queue);
lt_status lt_signal_to_callback(int signum, lt_signal_fn callback, void *arg);
lt_status lt_signal_restore(int signum);
lt_status lt_timer_start(double seconds, double repeat, lt_timer_fn callback, void *arg, lt_timer **timer);
lt_status lt_timer_cancel(lt_timer *timer);
lt_status lt_timer_free(lt_timer *timer);
lt_status lt_watchdog_start(double seconds, int signum, lt_watchdog **watchdog);
lt_status lt_watchdog_feed(lt_watchdog *watchdog);
lt_status lt_watchdog_cancel(lt_watchdog *watchdog);
lt_status lt_watchdog_free(lt_watchdog *watchdog);
lt_status lt_future_result(lt_future *future, void **result);
lt_status lt_future_try_result(lt_future *future, void **result);
lt_status lt_future_result_timeout(lt_future *future, double seconds, void **result);
lt_status lt_future_error(lt_future *future, const lt_error_info **info);
bool lt_future_done(const lt_future *future);
bool lt_future_running(const lt_future *future);
bool lt_future_cancelled(const lt_future *future);
lt_status lt_future_cancel(lt_future *future);
lt_status lt_future_add_done_callback(lt_future *future, lt_future_fn callback, void *arg);
lt_status lt_future_wait_many(lt_future *const *futures, size_t n, int mode, double seconds, size_t *done);
lt_status lt_future_free(lt_future *future);
lt_pool *lt_pool_new(uint32_t max_workers, const char *name_prefix);
lt_status lt_pool_free(lt_pool *pool);
lt_status lt_pool_submit(lt_pool *pool, lt_task_fn function, void *arg, lt_future **future);
lt_status lt_pool_map(lt_pool *pool, lt_task_fn function, void *const *args, size_t n, void **results, double seconds);
lt_status lt_pool_shutdown(lt_pool *pool, bool wait, bool cancel_pending);
lt_status lt_pool_set_drop(lt_pool *pool, lt_drop_fn drop);
lt_status lt_pool_stats(lt_pool *pool, lt_pool_info *info);
lt_status lt_set_name(const void *handle, const char *name);
lt_status lt_name(const void *handle, char *buf, size_t len);
lt_status lt_dump(int fd);
lt_status lt_dump_on_signal(int signum, int fd);
lt_status lt_waits(lt_wait_info *array, size_t capacity, size_t *count);
lt_status lt_set_insight(uint32_t what);
lt_status lt_set_deadlock_hook(lt_deadlock_hook hook, void *arg);
lt_status lt_contention(lt_contention_info *array, size_t capacity, size_t *count);
lt_status lt_contention_report(int fd);
lt_status lt_trace_start(const char *path);
lt_status lt_trace_stop(void);
void lt_trace_begin(const char *name);
void lt_trace_end(void);
lt_status lt_select(lt_case *cases, size_t n, double seconds, size_t *index);
lt_status lt_watch(const void *handle, int32_t op, lt_ready_fn ready, void *arg, lt_watcher **watcher);
lt_status lt_watch_fd(const void *handle, int32_t op, int *fd, lt_watcher **watcher);
lt_status lt_watch_free(lt_watcher *watcher);
