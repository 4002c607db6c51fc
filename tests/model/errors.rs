//! Containers of errors: what arrives while one is freed is in no other, and not lost.

use super::{check, threads};
use lowthread::base::atomic::{AtomicU32, Ordering::SeqCst};
use lowthread::base::handle::Handle;
use lowthread::base::heap::Text;
use lowthread::base::status::Error;
use lowthread::base::this_thread;
use lowthread::base::unwind::Frames;
use lowthread::thread::errors::{self, Errors};
use lowthread::thread::exception::{Description, LT_ERROR_RAISED};
use lowthread::thread::report::Report;

fn report() -> Report {
    let (type_name, message) = (Text::Static(c"error"), Text::Static(c"in a model"));
    let description = Description { kind: LT_ERROR_RAISED, code: 0, type_name, message };
    Report::of(None, description, &Frames::none())
}

fn deliver_to(container: Handle<Errors>, report: &Report) -> bool {
    let record = this_thread::current().expect("memory for a record");
    record.own().errors.set(container.into_raw());
    errors::deliver(record, report)
}

#[test]
fn a_container_that_is_freed_keeps_no_error() {
    check(|| {
        let container = Handle::<Errors>::new().unwrap();
        let report = report();
        threads(|scope| {
            scope.spawn(|| deliver_to(container, &report));
            scope.spawn(|| container.free().unwrap());
        });
        assert!(!report.is_shared(), "the error stays in a dead container");
    });
}

#[test]
fn of_many_errors_one_is_the_first_and_all_are_counted() {
    check(|| {
        let container = Handle::<Errors>::new().unwrap();
        let (report, cleared) = (report(), AtomicU32::new(0));
        threads(|scope| {
            for _ in 0..2 {
                scope.spawn(|| assert!(deliver_to(container, &report)));
            }
            scope.spawn(|| {
                cleared.store(u32::try_from(container.arrived().unwrap()).unwrap(), SeqCst);
                container.clear().unwrap();
            });
        });
        let arrived = container.arrived().unwrap();
        assert!(arrived + cleared.load(SeqCst) as usize <= 2);
        match container.first() {
            Ok(_) => assert!(arrived > 0 && report.is_shared()),
            Err(error) => assert!(error == Error::Empty && arrived == 0 && !report.is_shared()),
        }
        container.free().unwrap();
        assert!(!report.is_shared());
    });
}
