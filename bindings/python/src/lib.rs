//! lowthread for Python: the C side of the package `lowthread`.
//!
//! * [`gil`]: waits without the GIL, and what may end them; [`signals`]: signals of the main thread do;
//! * [`attached`]: threads of the library enter the interpreter; [`thread`]: those that Python starts;
//! * [`object`], [`lock`], [`rlock`]: the two types that are as near to C as they can be;
//! * everything else is a `#[pyclass]` for each type of the library.

mod attached;
mod errors;
mod gil;
mod lock;
mod object;
mod rlock;
mod signals;
mod thread;
mod timeout;

use pyo3::prelude::*;

#[pymodule]
fn _native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    attached::register(module)?;
    errors::register(module)?;
    lock::register(module)?;
    rlock::register(module)?;
    signals::register(module)?;
    thread::register(module)
}
