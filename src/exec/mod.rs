//! What runs later or elsewhere: timers, the watchdog, pools and the futures of their tasks.

pub mod alarm;
pub mod timer;
pub mod watchdog;
pub mod pool;
pub mod future;
pub mod watch;
