//! Tests with files that are damaged: whatever they say, an answer comes, and soon.

use super::budget::Budget;
use super::image::tests::with_bytes;
use super::{Answer, find_within};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

const SOURCE: &str = "
static inline __attribute__((always_inline)) int innermost(volatile int *at) { return *at * 3; }
static inline __attribute__((always_inline)) int inner(volatile int *at) { return innermost(at) + *at; }
static __attribute__((noinline)) int hidden(volatile int *at) { return inner(at) - inner(at + 1); }
int shown(volatile int *at) { return hidden(at) + inner(at) + hidden(at + 2); }
";

/// A small library with debug information of this kind; none where there is no C compiler that makes it.
fn library(kind: &str) -> Option<Vec<u8>> {
    let folder = std::env::temp_dir().join(format!(
        "lowthread-damaged-{}-{}{kind}",
        std::process::id(),
        crate::base::this_thread::native_id()
    ));
    std::fs::create_dir_all(&folder).unwrap();
    let (source, library) = (folder.join("source.c"), folder.join("library.so"));
    std::fs::write(&source, SOURCE).unwrap();
    let compiler = std::env::var_os("CC").unwrap_or_else(|| "cc".into());
    let mut command = Command::new(compiler);
    command.args(["-O2", "-g", "-shared", "-fPIC", "-Wl,--build-id", kind, "-o"]).arg(&library).arg(&source);
    let bytes =
        command.output().ok().filter(|made| made.status.success()).and_then(|_| std::fs::read(library).ok());
    std::fs::remove_dir_all(folder).unwrap();
    bytes
}

fn libraries() -> Vec<Vec<u8>> {
    ["-gdwarf-4", "-gdwarf-5", "-gz"].into_iter().filter_map(library).collect()
}

/// Places all over the file, some of them in code.
fn offsets(length: usize) -> Vec<u64> {
    (0..length as u64).step_by(16).filter(|offset| (0x1000..0x1400).contains(offset)).collect()
}

fn look(budget: &Budget, bytes: &[u8], offsets: &[u64]) -> Option<Answer> {
    find_within(budget, with_bytes(bytes), Path::new("/nowhere/library.so"), offsets)
}

/// How many bytes of names and paths there are.
fn weight(answer: &Answer) -> usize {
    let frames = answer.frames.iter().flatten();
    frames
        .map(|frame| frame.name.as_ref().map_or(0, Vec::len) + frame.line.as_ref().map_or(0, path_length))
        .sum()
}

fn path_length((path, _): &(PathBuf, u64)) -> usize {
    path.as_os_str().len()
}

/// Numbers that are always the same: xorshift.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end as u64) as usize
    }

    fn damage(&mut self, bytes: &mut Vec<u8>) {
        for _ in 0..=self.below(8) {
            let place = self.below(bytes.len());
            bytes[place] = match self.below(4) {
                0 => 0,
                1 => 0xff,
                2 => bytes[place] ^ 1 << self.below(8),
                _ => self.below(256) as u8,
            };
        }
        if self.below(8) == 0 {
            bytes.truncate(1 + self.below(bytes.len()));
        }
    }
}

#[test]
fn a_whole_file_tells_all() {
    for bytes in libraries() {
        let offsets = offsets(bytes.len());
        let answer = look(&Budget::new(), &bytes, &offsets).unwrap();
        let mut names: Vec<_> =
            answer.frames.iter().flatten().filter_map(|frame| frame.name.clone()).collect();
        names.sort();
        names.dedup();
        for name in ["innermost", "inner", "hidden", "shown"] {
            assert!(names.contains(&name.as_bytes().to_vec()), "{name}");
        }
        assert!(answer.frames.iter().flatten().any(|frame| {
            frame.line.as_ref().is_some_and(|(path, line)| path.ends_with("source.c") && *line == 2)
        }));
    }
}

#[test]
fn damaged_files_are_read_to_an_end() {
    const BYTES: usize = 16 << 20;
    const STEPS: u64 = 1 << 20;
    let began = Instant::now();
    for (kind, bytes) in libraries().iter().enumerate() {
        let offsets = offsets(bytes.len());
        let mut random = Random(0x9e37_79b9_7f4a_7c15 + kind as u64);
        for round in 0..2000 {
            let mut bytes = bytes.clone();
            random.damage(&mut bytes);
            let before = Instant::now();
            if let Some(answer) = look(&Budget::of(BYTES, STEPS), &bytes, &offsets) {
                assert!(weight(&answer) <= BYTES, "{kind} {round}");
            }
            assert!(before.elapsed() < Duration::from_secs(10), "{kind} {round}: {:?}", before.elapsed());
        }
    }
    assert!(began.elapsed() < Duration::from_secs(300), "{:?}", began.elapsed());
}

#[test]
fn what_may_not_be_spent_is_left_out() {
    for bytes in libraries() {
        let offsets = offsets(bytes.len());
        let all = weight(&look(&Budget::new(), &bytes, &offsets).unwrap());
        let mut most = 0;
        for most_steps in (0..16).map(|power| 1 << power) {
            let weight = look(&Budget::of(1 << 20, most_steps), &bytes, &offsets).map_or(0, |it| weight(&it));
            assert!(weight <= all);
            most = most.max(weight);
        }
        assert_eq!(most, all);
        assert!(look(&Budget::of(1 << 20, 1), &bytes, &offsets).is_none());
        for most_bytes in (0..20).map(|power| 1 << power) {
            let weight = look(&Budget::of(most_bytes, 1 << 20), &bytes, &offsets).map_or(0, |it| weight(&it));
            assert!(weight <= all.min(most_bytes));
        }
    }
}
