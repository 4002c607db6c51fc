//! Structs that begin with their size, as the caller knows them: an older or a newer program and this
//! library have different ideas of how long they are.
//!
//! | the size is | given to the library | filled by it |
//! |---|---|---|
//! | below that of the size itself, or above `LIMIT` | refused | refused |
//! | smaller than the struct here | what lies within it; the rest is 0 | the members that fit wholly |
//! | larger | the rest must be 0 | the rest is neither read nor written |

use crate::base::status::Error;
use core::mem::MaybeUninit;
use core::ops::Range;

/// No struct is longer: a larger size was never set.
const LIMIT: usize = 4096;

/// A struct that begins with its size.
///
/// # Safety
/// The type is `repr(C)`, its first member is `size: usize`, zeros are a value of it, `MEMBERS` are where
/// its members lie.
pub unsafe trait HasSize: Copy {
    const MEMBERS: &'static [Range<usize>];
}

/// Says that a struct begins with its size, and which members it has: all, or it does not compile.
macro_rules! sized {
    ($type:ident { $($member:ident),* $(,)? }) => {
        const _: fn($type) = |$type { $($member: _),* }| ();
        // SAFETY: as whoever uses the macro vouches; the members are where the compiler says.
        unsafe impl $crate::ffi::sized::HasSize for $type {
            const MEMBERS: &'static [core::ops::Range<usize>] = &[
                $($crate::ffi::sized::place(core::mem::offset_of!($type, $member), |all: &$type| &all.$member)),*
            ];
        }
    };
}
pub(crate) use sized;

/// Where a member lies that begins at `offset`.
pub const fn place<T, M>(offset: usize, _member: fn(&T) -> &M) -> Range<usize> {
    offset..offset + size_of::<M>()
}

fn check(size: usize) -> Result<usize, Error> {
    if size < size_of::<usize>() || size > LIMIT { Err(Error::BadSize) } else { Ok(size) }
}

/// Copies the members of which `size` bytes hold all.
///
/// # Safety
/// Both are valid for the members within `size` bytes.
unsafe fn copy<T: HasSize>(from: *const u8, to: *mut u8, size: usize) {
    for member in T::MEMBERS.iter().filter(|member| member.end <= size) {
        // SAFETY: as the caller vouches. The one is the user's, the other on this stack.
        unsafe { core::ptr::copy_nonoverlapping(from.add(member.start), to.add(member.start), member.len()) };
    }
}

/// What the user has set; the rest is 0.
///
/// # Safety
/// Valid for as many bytes as its size says, and those that lie in a member make a value of it.
pub unsafe fn read<T: HasSize>(from: *const T) -> Result<T, Error> {
    // SAFETY: zeros are a value of it.
    let mut value = unsafe { MaybeUninit::<T>::zeroed().assume_init() };
    // SAFETY: as the caller vouches; the first member is the size.
    unsafe {
        let size = check(from.cast::<usize>().read_unaligned())?;
        let from = from.cast::<u8>();
        if (size_of::<T>()..size).any(|i| *from.add(i) != 0) {
            return Err(Error::UnknownMember);
        }
        copy::<T>(from, (&raw mut value).cast(), size);
    }
    Ok(value)
}

/// Fills what the user has room for, and leaves the size as it is.
///
/// # Safety
/// Valid for as many bytes as its size says.
pub unsafe fn write<T: HasSize>(to: *mut T, value: T) -> Result<(), Error> {
    // SAFETY: as the caller vouches.
    unsafe { Array::new(to, 1)?.write(0, value) };
    Ok(())
}

/// An array of the user's, to be filled. The size of its first element is that of each.
pub struct Array<T> {
    first: *mut T,
    capacity: usize,
    size: usize,
}

impl<T: HasSize> Array<T> {
    /// # Safety
    /// Valid for `capacity` elements of the size that the first one says, as long as this lives.
    pub unsafe fn new(first: *mut T, capacity: usize) -> Result<Array<T>, Error> {
        let size = match capacity {
            0 => 0,
            // SAFETY: as the caller vouches; the first member is the size.
            _ => check(unsafe { first.cast::<usize>().read_unaligned() })?,
        };
        Ok(Array { first, capacity, size })
    }

    /// Fills an element, if there is room for it.
    pub fn write(&self, index: usize, value: T) {
        if index < self.capacity {
            // SAFETY: within the array that the maker of this has vouched for. The size comes first.
            unsafe {
                let to = self.first.cast::<u8>().add(index * self.size);
                copy::<T>((&raw const value).cast(), to, self.size);
                to.cast::<usize>().write_unaligned(self.size);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[repr(C)]
    #[derive(Clone, Copy)]
    struct Sample {
        size: usize,
        wide: u64,
        narrow: u8,
        middle: u32,
    }
    sized!(Sample { size, wide, narrow, middle });

    const WHOLE: usize = size_of::<Sample>();

    #[test]
    fn members_lie_where_they_lie() {
        assert_eq!(Sample::MEMBERS, [0..8, 8..16, 16..17, 20..24]);
    }

    fn bytes(size: usize, tail: u8) -> Vec<u8> {
        let mut bytes = vec![tail; 5008];
        bytes[..8].copy_from_slice(&size.to_ne_bytes());
        bytes[8..WHOLE].fill(0x11);
        bytes
    }

    #[test]
    fn what_fits_is_read() {
        for size in 0..=5000 {
            // SAFETY: longer than any size.
            let read = unsafe { read(bytes(size, 0).as_ptr().cast::<Sample>()) };
            if !(8..=LIMIT).contains(&size) {
                assert_eq!(read.err(), Some(Error::BadSize), "{size}");
                continue;
            }
            let read = read.unwrap();
            assert_eq!(read.size, size);
            assert_eq!(read.wide, if size >= 16 { 0x1111_1111_1111_1111 } else { 0 }, "{size}");
            assert_eq!(read.narrow, if size >= 17 { 0x11 } else { 0 }, "{size}");
            assert_eq!(read.middle, if size >= 24 { 0x1111_1111 } else { 0 }, "{size}");
        }
    }

    #[test]
    fn what_is_not_known_must_be_0() {
        for size in WHOLE + 1..=LIMIT {
            let mut last = bytes(size, 0);
            last[size - 1] = 1;
            // SAFETY: longer than any size.
            let read_last = unsafe { read(last.as_ptr().cast::<Sample>()) };
            assert_eq!(read_last.err(), Some(Error::UnknownMember), "{size}");
            last[size - 1] = 0;
            last[size] = 1;
            // SAFETY: as above.
            assert!(unsafe { read(last.as_ptr().cast::<Sample>()) }.is_ok(), "{size}");
        }
    }

    #[test]
    fn what_fits_is_written_and_nothing_else() {
        let value = Sample { size: WHOLE, wide: u64::MAX, narrow: u8::MAX, middle: u32::MAX };
        for size in 0..=5000 {
            for tail in [0, 0x77] {
                let mut all = bytes(size, tail);
                let mut expected = all.clone();
                // SAFETY: longer than any size.
                let written = unsafe { write(all.as_mut_ptr().cast::<Sample>(), value) };
                if (8..=LIMIT).contains(&size) {
                    assert_eq!(written, Ok(()), "{size}");
                    for member in Sample::MEMBERS.iter().skip(1).filter(|member| member.end <= size) {
                        expected[member.clone()].fill(0xff);
                    }
                } else {
                    assert_eq!(written, Err(Error::BadSize), "{size}");
                }
                assert!(all == expected, "{size}");
            }
        }
    }

    #[test]
    fn the_first_size_is_that_of_each_element() {
        for size in [8, 9, 16, 17, 20, 24, 27, 32, 4096] {
            let mut all = vec![0x77_u8; 3 * size];
            all[..8].copy_from_slice(&size.to_ne_bytes());
            // SAFETY: room for three.
            let array = unsafe { Array::new(all.as_mut_ptr().cast::<Sample>(), 2) }.unwrap();
            for index in 0..3 {
                array.write(index, Sample { size: 0, wide: index as u64, narrow: 1, middle: 2 });
            }
            for (index, element) in all.chunks(size).enumerate() {
                if index == 2 {
                    assert!(element.iter().all(|byte| *byte == 0x77));
                    continue;
                }
                assert_eq!(element[..8], size.to_ne_bytes());
                assert!(size < 16 || element[8..16] == (index as u64).to_ne_bytes());
            }
        }
    }
}
