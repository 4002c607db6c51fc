"""All changes of a source file at once, of which a running program has one: so they are built together.

A change of an expression is an arm of a match beside it, `match crate::mutant::now() { 17 => a < b, _ => a <= b }`; the
result in the place of a function's body is a return before it. Lines stay where they are. How far an operand reaches is
found by the operators' ranks; where that goes wrong it is no Rust, and the change must be built alone.
"""

import re

TOKEN = re.compile(
    r"""\s+|//[^\n]*|/\*.*?\*/
    |(?P<literal>b?c?r?\#?"(?:\\.|[^"\\])*"\#?|b?'(?:\\.[^']*|[^'\\])'|\d[\w]*(?:\.\d\w*)?)
    |(?P<lifetime>'\w+)|(?P<word>\w+)
    |(?P<sign><<=|>>=|\.\.=|\.\.\.|::|->|=>|==|!=|<=|>=|&&|\|\||\+=|-=|\*=|/=|%=|\^=|&=|\|=|<<|>>|\.\.|.)""",
    re.S | re.X,
)
RANKS = {}
for rank, signs in enumerate(["= += -= *= /= %= ^= &= |= <<= >>=", ".. ..=", "||", "&&", "== != < > <= >=", "|", "^", "&",
                              "<< >>", "+ -", "* / %"]):
    RANKS.update(dict.fromkeys(signs.split(), rank))
UNARY = 100
OPEN, CLOSE = dict(zip("([{", ")]}")), dict(zip(")]}", "([{"))
ENDS = {",", ";", "=>", ":", "->"}
WORDS = {"if", "while", "match", "return", "in", "let", "else", "break", "move", "const", "static"}
BLOCKS = {"unsafe", "loop"}

# What the crate is given: which change this process has.
MODULE = r"""
#[doc(hidden)]
pub mod mutant {
    static mut NOW: u32 = 0;

    #[inline(always)]
    pub fn now() -> u32 {
        // SAFETY: written before main.
        unsafe { core::ptr::read_volatile(&raw const NOW) }
    }

    #[used]
    #[unsafe(link_section = ".init_array")]
    static BEGIN: unsafe extern "C" fn() = begin;

    unsafe extern "C" fn begin() {
        // SAFETY: nothing else runs yet.
        unsafe {
            let number = libc::getenv(c"LT_MUTANT".as_ptr());
            if !number.is_null() {
                NOW = libc::atoi(number) as u32;
            }
        }
    }
}
"""


class Source:
    def __init__(self, text):
        self.text = text
        self.tokens = [m for m in TOKEN.finditer(text) if m.lastgroup]
        self.at = {m.start(): i for i, m in enumerate(self.tokens)}
        self.partner = {}
        stack = []
        for i, token in enumerate(self.tokens):
            if token[0] in OPEN:
                stack.append(i)
            elif token[0] in CLOSE and stack:
                begin = stack.pop()
                self.partner[i], self.partner[begin] = begin, i

    def word(self, i):
        return self.tokens[i][0] if 0 <= i < len(self.tokens) else ""

    def is_unary(self, i):
        before = self.word(i - 1)
        return any(before in words for words in (RANKS, OPEN, ENDS, WORDS, ("as", "!", "", "mut", "}")))

    def angle(self, i, step):
        """From the bracket of a turbofish to its other one, or None."""
        depth, at = 0, i
        for _ in range(40):
            sign = self.word(at)
            depth += {"<": step, ">": -step, ">>": -2 * step}.get(sign, 0)
            if sign in ";{}" or not sign:
                return None
            if depth <= 0:
                begin = at if step < 0 else i
                return at if self.word(begin - 1) == "::" else None
            at += step
        return None

    def is_parameters_end(self, i):
        """Whether a `|` ends the parameters of a closure."""
        if self.word(i) == "||":
            return self.is_unary(i)
        at = i - 1
        while at >= 0 and self.word(at) not in (";", "{", "}", "(", "=>"):
            if self.word(at) == "|":
                return self.is_unary(at)
            at = self.partner.get(at, at) - 1 if self.word(at) in CLOSE else at - 1
        return False

    def left(self, i, rank):
        """The first token of what stands to the left of an operator."""
        at = i - 1
        while at >= 0:
            sign = self.word(at)
            if sign in (")", "]") or (sign == "}" and self.word(at + 1) in (".", "?")):
                at = self.partner[at] - 1
                continue
            if sign == ">" and (begin := self.angle(at, -1)) is not None:
                at = begin - 1
                continue
            if sign in OPEN or sign == "}" or sign in ENDS or sign in WORDS:
                break
            if sign in ("|", "||") and self.is_parameters_end(at):
                break
            if sign in RANKS and not self.is_unary(at) and RANKS[sign] < rank:
                break
            at -= 1
        return at + 1

    def right(self, i, rank):
        """The last token of what stands to the right of an operator."""
        at = i + 1
        while self.word(at) in ("match", "if", "else", "{") and (at == i + 1 or self.word(at) == "else"):
            # One that ends in a block.
            while self.word(at) != "{":
                at = self.partner.get(at, at) + 1
            at = self.partner[at] + 1
        while at < len(self.tokens):
            sign = self.word(at)
            if sign in ("(", "[") or (sign == "{" and self.word(at - 1) in BLOCKS):
                at = self.partner[at] + 1
                continue
            if sign == "<" and self.word(at - 1) == "::" and (end := self.angle(at, 1)) is not None:
                at = end + 1
                continue
            if sign in CLOSE or sign == "{" or sign in ENDS or sign in WORDS:
                break
            if sign in RANKS and not self.is_unary(at) and RANKS[sign] <= rank:
                break
            at += 1
        return at - 1

    def expression(self, start, is_unary):
        """Where the expression around an operator begins and ends."""
        i = self.at[start]
        rank = UNARY if is_unary else RANKS[self.word(i)]
        first = i if is_unary else self.left(i, rank)
        return self.tokens[first].start(), self.tokens[self.right(i, rank)].end()


def flat(text):
    """In one line, without comments: it has its lines where it stands unchanged."""
    return " ".join(re.sub(r"//[^\n]*", "", text).split())


def changed(text, mutants):
    """The source with all of these in it, by number; and those that cannot be."""
    source, sites, alone = Source(text), {}, set()
    for number, mutant in mutants.items():
        replacement = flat(mutant.text)
        try:
            if mutant.genre == "FnValue":
                sites.setdefault((mutant.start, mutant.start), []).append((number, replacement))
                continue
            if mutant.genre in ("BinaryOperator", "UnaryOperator"):
                start, end = source.expression(mutant.start, mutant.genre == "UnaryOperator")
            elif mutant.genre in ("MatchArmGuard", "by hand"):
                start, end = mutant.start, mutant.end
            else:
                raise KeyError
            arm = flat(text[start : mutant.start]) + " " + replacement + " " + flat(text[mutant.end : end])
            sites.setdefault((start, end), []).append((number, arm))
        except (KeyError, IndexError):
            alone.add(number)

    def rewrite(start, end, inside):
        """The text between two places, with the sites in it; `inside` are sorted, outer ones first."""
        out, at = [], start
        while inside:
            (begin, stop), arms = inside.pop(0)
            nested = []
            while inside and inside[0][0][1] <= stop and inside[0][0][0] < stop:
                nested.append(inside.pop(0))
            # Half in, half out: no expression.
            while inside and inside[0][0][0] < stop:
                alone.update(number for number, _ in inside.pop(0)[1])
            out.append(text[at:begin])
            numbers = ",".join(str(number) for number, _ in arms)
            if begin == stop:
                out += [f"/*m{number}*/if crate::mutant::now() == {number} {{ return {arm}; }} " for number, arm in arms]
                # The type of the result may be found wrong there.
                out.append(f"/*m{numbers}*/")
            else:
                whole = rewrite(begin, stop, nested)
                if text[begin:stop].rstrip().endswith(";"):
                    made = "".join(f"/*m{number}*/{number} => {{ {arm} }} " for number, arm in arms)
                    out.append(f"/*m{numbers}*/match crate::mutant::now() {{ {made}/*m{numbers}*/_ => {{ {whole} }} }}/*m0*/")
                else:
                    made = "".join(f"/*m{number}*/{number} => {{ {arm} }}, " for number, arm in arms)
                    out.append(f"/*m{numbers}*/(match crate::mutant::now() {{ {made}/*m{numbers}*/_ => {whole} }})/*m0*/")
            at = stop
        return "".join([*out, text[at:end]])

    ordered = sorted(sites.items(), key=lambda site: (site[0][0], -site[0][1]))
    # An insertion before what begins there.
    ordered.sort(key=lambda site: (site[0][0], site[0][0] != site[0][1], -site[0][1]))
    return rewrite(0, len(text), ordered), alone


def to_blame(text, line, column):
    """The changes around a place where the compiler found a fault."""
    lines = text.split("\n")
    before = "\n".join([*lines[: line - 1], lines[line - 1][: column - 1]])
    found = re.findall(r"/\*m([\d,]+)\*/", before)
    if found and found[-1] == "0":
        # After the end of one: then it is the result in the place of the body, which has another type.
        found = re.findall(r"return [^\n]*?; \} /\*m([\d,]+)\*/", before)
    return {int(number) for number in found[-1].split(",")} - {0} if found else set()
