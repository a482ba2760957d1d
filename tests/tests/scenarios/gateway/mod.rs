//! A gateway and its children.

mod announcing;
mod both_ways;
mod combining;
mod keeping;
mod rig;
mod updating;
