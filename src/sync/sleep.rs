//! Sleeping: a wait for nothing but the time, or an interrupt.

use crate::base::atomic::AtomicU32;
use crate::base::block::Block;
use crate::base::deadline::Timeout;
use crate::base::status::Error;
use crate::base::waiting::{Verb, What};

pub fn sleep(seconds: f64) -> Result<(), Error> {
    let block = match Timeout::from_seconds(seconds)? {
        Timeout::Forever => return Err(Error::NegativeSeconds),
        Timeout::Poll => {
            std::thread::yield_now();
            return Ok(());
        }
        timeout => Block::begin(What::plain(Verb::Sleep), timeout)?,
    };
    let nothing = AtomicU32::new(0);
    loop {
        let wake = block.sleep(&nothing, 0);
        if wake.ends_wait() {
            match block.reason(wake) {
                Some(Error::TimedOut) => return Ok(()),
                Some(error) => return Err(error),
                None => (),
            }
        }
    }
}
