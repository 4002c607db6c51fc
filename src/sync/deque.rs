//! The ring's slower brother, under a lock: for queues without a bound, or with a large one.

use crate::base::errno;
use crate::base::mutex::Mutex;
use crate::sync::ring::Refused;
use core::ffi::c_void;
use std::collections::VecDeque;

#[derive(Debug)]
pub struct Deque {
    inside: Mutex<Inside>,
    /// 0: unbounded.
    capacity: usize,
}

#[derive(Debug)]
struct Inside {
    items: VecDeque<*mut c_void>,
    /// How many were ever put.
    puts: u64,
    closed: bool,
}

// SAFETY: the library never looks behind the pointers that it passes on.
unsafe impl Send for Inside {}

impl Deque {
    pub const fn new(capacity: usize) -> Deque {
        Deque { inside: Mutex::new(Inside { items: VecDeque::new(), puts: 0, closed: false }), capacity }
    }

    pub fn push(&self, item: *mut c_void) -> Result<(), Refused> {
        let mut inside = self.inside.lock();
        if inside.closed {
            return Err(Refused::Closed);
        }
        if self.capacity != 0 && inside.items.len() >= self.capacity {
            return Err(Refused::Not);
        }
        errno::keeping(|| inside.items.try_reserve(1)).map_err(|_| Refused::NoMemory)?;
        inside.items.push_back(item);
        inside.puts += 1;
        Ok(())
    }

    pub fn pop(&self) -> Result<*mut c_void, Refused> {
        let mut inside = self.inside.lock();
        let empty = if inside.closed { Refused::Closed } else { Refused::Not };
        inside.items.pop_front().ok_or(empty)
    }

    pub fn close(&self) {
        self.inside.lock().closed = true;
    }

    pub fn is_closed(&self) -> bool {
        self.inside.lock().closed
    }

    pub fn capacity(&self) -> usize {
        self.capacity
    }

    pub fn length(&self) -> usize {
        self.inside.lock().items.len()
    }

    pub fn puts(&self) -> u64 {
        self.inside.lock().puts
    }
}
