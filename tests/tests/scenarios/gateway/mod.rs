//! A gateway and its children.

mod announcing;
mod both_ways;
mod combining;
mod hanging_up;
mod keeping;
mod rig;
mod updating;
