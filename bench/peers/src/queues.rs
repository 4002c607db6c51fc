//! Queues of pointers.

use std::ffi::c_void;

trait Queue: Sized {
    /// 0: unbounded, where that is to be had.
    fn new(capacity: usize) -> Self;
    fn put(&self, item: usize);
    fn get(&self) -> usize;
}

struct Kanal(kanal::Sender<usize>, kanal::Receiver<usize>);

impl Queue for Kanal {
    fn new(capacity: usize) -> Self {
        let (sender, receiver) = match capacity {
            0 => kanal::unbounded(),
            _ => kanal::bounded(capacity),
        };
        Kanal(sender, receiver)
    }
    fn put(&self, item: usize) {
        self.0.send(item).expect("both ends are here");
    }
    fn get(&self) -> usize {
        self.1.recv().expect("both ends are here")
    }
}

struct Crossbeam(crossbeam_channel::Sender<usize>, crossbeam_channel::Receiver<usize>);

impl Queue for Crossbeam {
    fn new(capacity: usize) -> Self {
        let (sender, receiver) = match capacity {
            0 => crossbeam_channel::unbounded(),
            _ => crossbeam_channel::bounded(capacity),
        };
        Crossbeam(sender, receiver)
    }
    fn put(&self, item: usize) {
        self.0.send(item).expect("both ends are here");
    }
    fn get(&self) -> usize {
        self.1.recv().expect("both ends are here")
    }
}

/// Never sleeps: a waiter spins, and yields once that has taken long.
struct Array(crossbeam_queue::ArrayQueue<usize>);

impl Queue for Array {
    fn new(capacity: usize) -> Self {
        Array(crossbeam_queue::ArrayQueue::new(capacity))
    }
    fn put(&self, item: usize) {
        let backoff = crossbeam_utils::Backoff::new();
        while self.0.push(item).is_err() {
            backoff.snooze();
        }
    }
    fn get(&self) -> usize {
        let backoff = crossbeam_utils::Backoff::new();
        loop {
            if let Some(item) = self.0.pop() {
                return item;
            }
            backoff.snooze();
        }
    }
}

macro_rules! export {
    ($queue:ty: $new:ident $free:ident $put:ident $get:ident) => {
        #[unsafe(no_mangle)]
        pub extern "C" fn $new(capacity: usize) -> *mut c_void {
            Box::into_raw(Box::new(<$queue as Queue>::new(capacity))).cast()
        }
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $free(queue: *mut c_void) {
            drop(unsafe { Box::from_raw(queue.cast::<$queue>()) });
        }
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $put(queue: *mut c_void, item: *mut c_void) {
            unsafe { &*queue.cast::<$queue>() }.put(item as usize);
        }
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $get(queue: *mut c_void) -> *mut c_void {
            unsafe { &*queue.cast::<$queue>() }.get() as *mut c_void
        }
    };
}

export!(Kanal: peer_kanal_new peer_kanal_free peer_kanal_put peer_kanal_get);
export!(Crossbeam: peer_crossbeam_new peer_crossbeam_free peer_crossbeam_put peer_crossbeam_get);
export!(Array: peer_array_queue_new peer_array_queue_free peer_array_queue_put peer_array_queue_get);

#[unsafe(no_mangle)]
pub unsafe extern "C" fn peer_crossbeam_select(queues: *const *mut c_void, n: usize) -> *mut c_void {
    let queues = unsafe { std::slice::from_raw_parts(queues.cast::<&Crossbeam>(), n) };
    let mut select = crossbeam_channel::Select::new();
    for queue in queues {
        select.recv(&queue.1);
    }
    let chosen = select.select();
    let queue = queues[chosen.index()];
    chosen.recv(&queue.1).expect("both ends are here") as *mut c_void
}
