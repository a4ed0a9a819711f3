//! What the suites share: step types for tests, and a program that has them besides all others.

pub mod steps;
