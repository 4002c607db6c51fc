//! What runs later or elsewhere: timers, the watchdog, pools and the futures of their tasks.

pub mod due;
pub mod alarm;
pub mod timer;
pub mod watchdog;
pub mod task;
pub mod bunch;
pub mod line;
pub mod map;
pub mod pool;
pub mod callbacks;
pub mod help;
pub mod future;
pub mod watch;
pub mod watcher;
pub mod case;
pub mod select;
