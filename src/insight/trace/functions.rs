//! The names of functions: each is looked up once, since that reads files.

use crate::base::heap;
use crate::base::status::Error;
use crate::insight::place;
use crate::insight::text::cut;

/// Of so many, the names are kept.
const MOST: usize = 256;
/// How many bytes.
const LONGEST: usize = 96;

pub struct Functions(Vec<Function>);

struct Function {
    address: u64,
    /// Its name, or its name and place.
    text: [u8; LONGEST],
    name: usize,
    length: usize,
}

impl Functions {
    pub fn none() -> Result<Functions, Error> {
        let mut functions = Vec::new();
        heap::reserve(|| functions.try_reserve_exact(MOST))?;
        Ok(Functions(functions))
    }

    /// Its name, and with its place.
    pub fn find(&mut self, address: u64) -> (&[u8], &[u8]) {
        let known = self.0.iter().position(|known| known.address == address);
        let index = known.unwrap_or_else(|| {
            if self.0.len() >= MOST {
                self.0.pop();
            }
            self.0.push(Function::look_up(address));
            self.0.len() - 1
        });
        self.0.get(index).map_or((b"", b""), |found| {
            let text = found.text.get(..found.length).unwrap_or_default();
            (text.get(..found.name).unwrap_or_default(), text)
        })
    }
}

impl Function {
    fn look_up(address: u64) -> Function {
        let mut found = Function { address, text: [0; LONGEST], name: 0, length: 0 };
        // As a return address has it: one behind where the call is.
        place::with(address as usize + 1, |place| {
            let cut = cut(place, LONGEST);
            found.length = cut.len();
            found.text.iter_mut().zip(cut.bytes()).for_each(|(to, from)| *to = from);
            found.name = cut.find(" at ").unwrap_or(found.length);
        });
        found
    }
}
