//! What is due, in order: a leftist heap. Its links are in its members, so it needs no memory of its own,
//! and nothing that it does can fail. Each step takes logarithmic time, however the heap came about.
//!
//! The members below one are due at the same time or later. The way down on the right is the shortest to a
//! free place, and its length is the *rank*: at most the logarithm of the number of members.

use core::cell::Cell;
use core::ptr;

/// What can stand in a heap, in one at a time.
pub trait Member: Sized + 'static {
    fn links(&self) -> &Links<Self>;
    /// Does not change while the member is in a heap.
    fn due(&self) -> u64;
}

type Link<T> = Option<&'static T>;

/// A member's place, or none: as `new` makes it. Touched by the heap alone, so by whoever has that to himself.
#[derive(Debug)]
pub struct Links<T: 'static> {
    above: Cell<Link<T>>,
    left: Cell<Link<T>>,
    right: Cell<Link<T>>,
    rank: Cell<u32>,
}

impl<T> Links<T> {
    #[allow(clippy::new_without_default, reason = "a static's")]
    pub const fn new() -> Links<T> {
        Links { above: Cell::new(None), left: Cell::new(None), right: Cell::new(None), rank: Cell::new(1) }
    }

    /// As at first; not for one that is in a heap which goes on.
    pub fn clear(&self) {
        self.above.set(None);
        self.left.set(None);
        self.right.set(None);
        self.rank.set(1);
    }
}

/// The members; the first is due first.
pub struct Due<T: 'static> {
    first: Link<T>,
}

impl<T: Member> Due<T> {
    #[allow(clippy::new_without_default, reason = "a static's")]
    pub const fn new() -> Due<T> {
        Due { first: None }
    }

    pub fn first(&self) -> Option<&'static T> {
        self.first
    }

    /// Puts in one that is in none; behind those that are due at the same time.
    pub fn put_in(&mut self, member: &'static T) {
        let mut above = None;
        let mut below = self.first;
        while let Some(earlier) = below.filter(|below| below.due() <= member.due()) {
            above = below;
            below = earlier.links().right.get();
        }
        let links = member.links();
        links.above.set(above);
        links.left.set(below);
        if let Some(below) = below {
            below.links().above.set(Some(member));
        }
        match above {
            None => self.first = Some(member),
            Some(above) => {
                above.links().right.set(Some(member));
                settle_up(above);
            }
        }
    }

    /// Takes out one that is in.
    pub fn take_out(&mut self, member: &'static T) {
        let links = member.links();
        let rest = merge(links.left.take(), links.right.take());
        links.rank.set(1);
        let above = links.above.take();
        if let Some(rest) = rest {
            rest.links().above.set(above);
        }
        match above {
            None => self.first = rest,
            Some(above) => {
                let place = if is(above.links().left.get(), member) {
                    &above.links().left
                } else {
                    &above.links().right
                };
                place.set(rest);
                settle_up(above);
            }
        }
    }
}

fn is<T>(link: Link<T>, member: &T) -> bool {
    link.is_some_and(|linked| ptr::eq(linked, member))
}

fn rank<T: Member>(link: Link<T>) -> u32 {
    link.map_or(0, |member| member.links().rank.get())
}

/// Makes one heap of two, by going down on the right of both: so not deeper than twice a rank. Of members
/// that are due at the same time, those of `a` come first.
fn merge<T: Member>(a: Link<T>, b: Link<T>) -> Link<T> {
    let (Some(a), Some(b)) = (a, b) else { return a.or(b) };
    let (top, other) = if b.due() < a.due() { (b, a) } else { (a, b) };
    let right = merge(top.links().right.get(), Some(other));
    if let Some(right) = right {
        right.links().above.set(Some(top));
    }
    top.links().right.set(right);
    top.links().above.set(None);
    settle(top);
    Some(top)
}

/// The side with the smaller rank becomes the right one. Whether that has changed the member's own.
fn settle<T: Member>(member: &T) -> bool {
    let links = member.links();
    if rank(links.left.get()) < rank(links.right.get()) {
        links.left.swap(&links.right);
    }
    let rank = rank(links.right.get()) + 1;
    links.rank.replace(rank) != rank
}

/// The same for all above a place that has lost something. A rank that changes is one more than that of the
/// member below it: so this ends after as many steps as the first has rank.
fn settle_up<T: Member>(from: &'static T) {
    let mut next = Some(from);
    while let Some(member) = next.filter(|member| settle(*member)) {
        next = member.links().above.get();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::for_ever::for_ever;

    struct Entry {
        links: Links<Entry>,
        due: Cell<u64>,
    }

    impl Member for Entry {
        fn links(&self) -> &Links<Entry> {
            &self.links
        }
        fn due(&self) -> u64 {
            self.due.get()
        }
    }

    fn entries(n: usize) -> &'static [Entry] {
        for_ever((0..n).map(|_| Entry { links: Links::new(), due: Cell::new(0) }).collect::<Vec<_>>())
    }

    /// Checks the order, the links and the ranks below a member; how many there are.
    fn check(link: Link<Entry>, above: Link<Entry>) -> usize {
        let Some(entry) = link else { return 0 };
        let links = &entry.links;
        assert!(above.is_none_or(|above| above.due() <= entry.due()));
        assert_eq!(links.above.get().map(ptr::from_ref), above.map(ptr::from_ref));
        assert!(rank(links.left.get()) >= rank(links.right.get()));
        assert_eq!(links.rank.get(), rank(links.right.get()) + 1);
        1 + check(links.left.get(), link) + check(links.right.get(), link)
    }

    #[test]
    fn members_come_and_go_in_any_order() {
        let entries = entries(if cfg!(miri) { 20 } else { 200 });
        let mut heap = Due::new();
        let mut inside = vec![false; entries.len()];
        let mut random = 1_u64;
        for _ in 0..if cfg!(miri) { 100 } else { 20_000 } {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let at = (random >> 33) as usize % entries.len();
            let entry = &entries[at];
            inside[at] = !inside[at];
            if !inside[at] {
                heap.take_out(entry);
            } else {
                entry.due.set(random >> 60);
                heap.put_in(entry);
            }
            let count = check(heap.first(), None);
            assert_eq!(count, inside.iter().filter(|inside| **inside).count());
            let due =
                entries.iter().zip(&inside).filter(|(_, inside)| **inside).map(|(entry, _)| entry.due());
            assert_eq!(heap.first().map(Entry::due), due.min());
        }
    }

    #[test]
    fn no_order_of_arrival_makes_it_deep() {
        const N: usize = if cfg!(miri) { 1 << 7 } else { 1 << 16 };
        let orders: [fn(u64) -> u64; 3] =
            [|i| i, |i| u64::MAX - i, |i| i.wrapping_mul(0x9e37_79b9_7f4a_7c15)];
        for due in orders {
            let entries = entries(N);
            let mut heap = Due::new();
            for (i, entry) in entries.iter().enumerate() {
                entry.due.set(due(i as u64));
                heap.put_in(entry);
                assert!(rank(heap.first()) <= (i + 1).ilog2() + 1);
            }
            let mut last = 0;
            while let Some(entry) = heap.first() {
                assert!(last <= entry.due());
                last = entry.due();
                heap.take_out(entry);
            }
        }
    }
}
