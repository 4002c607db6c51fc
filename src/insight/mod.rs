//! Insight: what the program's objects are called, who waits for what and who holds that, waits that would never end,
//! and what waiting costs.

pub mod circle;
pub mod contention;
pub mod dump;
pub mod found;
pub mod holder;
pub mod names;
pub mod on_signal;
pub mod order;
pub mod place;
pub mod switch;
pub mod table;
pub mod text;
pub mod told;
pub mod waits;
