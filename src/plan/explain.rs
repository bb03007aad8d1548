//! Prints a plan for people.
