//! The ring alone: as if each push and pop took place at one moment, of one item or of many.

use super::{check, threads};
use core::ffi::c_void;
use core::ptr::without_provenance_mut;
use lowthread::base::atomic::{AtomicU64, Ordering::SeqCst};
use lowthread::base::model;
use lowthread::sync::ring::{Refused, Ring};
use std::collections::VecDeque;
use std::sync::Mutex;

/// What a thread did, and between which two moments.
#[derive(Clone, Debug)]
struct Operation {
    began: u64,
    ended: u64,
    what: What,
}

#[derive(Clone, Debug)]
enum What {
    Pushed(Vec<usize>),
    FoundFull,
    Popped(Vec<usize>),
    FoundEmpty,
}

impl What {
    /// Does it to a plain queue; whether it could.
    fn replay(&self, items: &mut VecDeque<usize>, capacity: usize) -> bool {
        match self {
            What::Pushed(pushed) => {
                items.extend(pushed);
                items.len() <= capacity
            }
            What::FoundFull => items.len() == capacity,
            What::Popped(popped) => popped.iter().all(|item| items.pop_front() == Some(*item)),
            What::FoundEmpty => items.is_empty(),
        }
    }
}

/// Whether there is an order of the operations that a plain queue could have gone through.
fn explained(rest: &[Operation], items: &VecDeque<usize>, capacity: usize) -> bool {
    let Some(first_end) = rest.iter().map(|operation| operation.ended).min() else { return true };
    rest.iter().enumerate().any(|(i, operation)| {
        let mut after = items.clone();
        operation.began < first_end && operation.what.replay(&mut after, capacity) && {
            let mut others = rest.to_vec();
            others.remove(i);
            explained(&others, &after, capacity)
        }
    })
}

fn linearizable(capacity: usize) {
    let (ring, clock, history) = (Ring::new(capacity), AtomicU64::new(0), Mutex::new(Vec::new()));
    let did = |f: &dyn Fn() -> Option<What>| {
        let began = clock.fetch_add(1, SeqCst);
        // None: another thread was in the middle of it.
        if let Some(what) = f() {
            let ended = clock.fetch_add(1, SeqCst);
            history.lock().unwrap().push(Operation { began, ended, what });
        }
    };
    // The first of these, or of two that are pushed at once.
    let push = |first: usize| {
        let batch: Vec<*mut c_void> =
            (first..=first + model::draw(2) as usize).map(without_provenance_mut).collect();
        if model::chance(2) && ring.push_at_once(without_provenance_mut(first)) {
            return Some(What::Pushed(vec![first]));
        }
        match ring.push_many(&batch) {
            Ok(n) => Some(What::Pushed((first..first + n).collect())),
            Err(Refused::Not) => Some(What::FoundFull),
            Err(refused) => {
                assert_eq!(refused, Refused::NotYet);
                None
            }
        }
    };
    let pop = |most: usize| match if model::chance(2) { ring.pop_at_once() } else { None } {
        Some(item) => Some(What::Popped(vec![item.addr()])),
        None => {
            let mut popped = Vec::new();
            match ring.pop_many(most, |item| popped.push(item.addr())) {
                Ok(n) => {
                    assert!(popped.len() == n && (1..=most).contains(&n));
                    Some(What::Popped(popped))
                }
                Err(Refused::Not) => Some(What::FoundEmpty),
                Err(refused) => {
                    assert_eq!(refused, Refused::NotYet);
                    None
                }
            }
        }
    };
    threads(|scope| {
        for producer in 0..2 {
            let (did, push) = (&did, &push);
            scope.spawn(move || (0..3).for_each(|n| did(&|| push(1 + (producer * 3 + n) * 2))));
        }
        for _ in 0..2 {
            scope.spawn(|| (0..3).for_each(|_| did(&|| pop(1 + model::draw(2) as usize))));
        }
    });
    let left = ring.length();
    // Alone: nothing is in the middle of anything.
    for n in 0..=left {
        did(&|| pop(1));
        assert_eq!(history.lock().unwrap().last().unwrap().ended, clock.load(SeqCst) - 1);
        assert_eq!(ring.length(), left.saturating_sub(n + 1));
    }
    let history = history.into_inner().unwrap();
    assert!(explained(&history, &VecDeque::new(), capacity), "no queue does {history:?}");
}

#[test]
fn one_cell_as_one_moment() {
    check(|| linearizable(1));
}

#[test]
fn two_cells_as_one_moment() {
    check(|| linearizable(2));
}

#[test]
fn three_cells_as_one_moment() {
    check(|| linearizable(3));
}

#[test]
fn a_close_lets_no_push_in_behind_the_last_pop() {
    check(|| {
        let ring = Ring::new(2);
        let (pushed, popped) = (AtomicU64::new(0), AtomicU64::new(0));
        threads(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    let item: *mut c_void = without_provenance_mut(1);
                    while model::chance(2) && ring.push_at_once(item) || ring.push(item).is_ok() {
                        pushed.fetch_add(1, SeqCst);
                    }
                });
            }
            scope.spawn(|| ring.close());
            loop {
                match ring.pop() {
                    Ok(_) => popped.fetch_add(1, SeqCst),
                    Err(Refused::Closed) => break,
                    Err(_) => u64::from(model::yield_now()),
                };
            }
        });
        assert_eq!(pushed.into_inner(), popped.into_inner());
    });
}
