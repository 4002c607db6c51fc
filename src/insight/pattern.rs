//! A path that the environment names: in it %p stands for the number of the process, since programs that this one starts
//! have the same environment, and are not to use one file.

use crate::base::heap;
use crate::base::status::Error;
use crate::insight::text::Line;
use crate::sys::process;
use core::fmt::Write;

/// The path.
pub fn path(pattern: &[u8]) -> Result<Vec<u8>, Error> {
    let mut path = Vec::new();
    let mut number = Line::empty();
    // It takes whatever it is given.
    let _ = write!(number, "{}", process::id());
    heap::reserve(|| path.try_reserve_exact(pattern.len() * number.bytes().len()))?;
    let mut rest = pattern;
    while let [first, later @ ..] = rest {
        rest = later;
        match (first, later) {
            (b'%', [b'p', behind @ ..]) => {
                path.extend_from_slice(number.bytes());
                rest = behind;
            }
            (byte, _) => path.push(*byte),
        }
    }
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_stands_for_each_p_behind_a_percent_and_for_nothing_else() {
        let own = std::process::id();
        for (pattern, expected) in [
            ("%p", format!("{own}")),
            ("a.%p.b%p", format!("a.{own}.b{own}")),
            ("p%%p%q%", format!("p%{own}%q%")),
            ("", "".to_owned()),
        ] {
            assert_eq!(path(pattern.as_bytes()).unwrap(), expected.as_bytes());
        }
    }
}
