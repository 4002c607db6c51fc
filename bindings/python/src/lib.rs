//! lowthread for Python: the C side of the package `lowthread`.
//!
//! * [`gil`]: waits without the GIL, and what may end them; [`signals`]: signals of the main thread do;
//! * [`attached`]: threads of the library enter the interpreter; [`thread`]: those that Python starts;
//! * [`object`], [`lock`], [`rlock`]: the two types that are as near to C as they can be;
//! * [`sentinel`]: what threading joins a thread by, before 3.13;
//! * everything else is a `#[pyclass]` for each type of the library.

mod attached;
mod condition;
mod errors;
mod event;
mod gil;
mod insight;
mod lock;
mod object;
mod queue;
mod rlock;
mod routes;
mod rwlock;
mod select;
mod semaphore;
mod sentinel;
mod sign;
mod signals;
mod thread;
mod time;
mod timeout;
mod timer;
mod watcher;

use pyo3::prelude::*;

#[pymodule]
fn _native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    attached::register(module)?;
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    errors::register(module)?;
    lock::register(module)?;
    rlock::register(module)?;
    signals::register(module)?;
    thread::register(module)?;
    routes::register(module)?;
    time::register(module)?;
    insight::register(module)?;
    select::register(module)?;
    module.add_class::<event::Event>()?;
    module.add_class::<semaphore::Semaphore>()?;
    module.add_class::<semaphore::BoundedSemaphore>()?;
    module.add_class::<rwlock::RWLock>()?;
    module.add_class::<condition::Condition>()?;
    module.add_class::<queue::Queue>()?;
    module.add_class::<timer::Timer>()?;
    module.add_class::<timer::Watchdog>()?;
    module.add_class::<watcher::Watcher>()
}
