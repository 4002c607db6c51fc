//! What runs later or elsewhere: timers and the watchdog.

pub mod alarm;
pub mod timer;
pub mod watchdog;
