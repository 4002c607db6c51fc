//! The spinlock: one holder at a time.

use super::{Inside, check, threads};
use lowthread::base::atomic::Ordering::SeqCst;
use lowthread::base::handle::Handle;
use lowthread::base::status::Error;
use lowthread::sync::spinlock::Spinlock;

#[test]
fn one_holder_at_a_time_and_everybody_comes_in() {
    check(|| {
        let (spinlock, inside) = (Handle::<Spinlock>::new().unwrap(), Inside::default());
        threads(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    for _ in 0..2 {
                        match spinlock.try_acquire() {
                            Err(Error::Busy) => spinlock.acquire().unwrap(),
                            result => result.unwrap(),
                        }
                        inside.visit(1);
                        spinlock.release().unwrap();
                    }
                });
            }
        });
        assert_eq!(spinlock.state(SeqCst), Ok(0));
        spinlock.free().unwrap();
    });
}
