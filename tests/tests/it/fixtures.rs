//! What the victim of the stranger tests has: one of everything that the API names in a path.

use callout_tests::TestApp;

/// For each kind of thing, how to find the id of one. `user` and `device` are made by the test itself.
pub const IDS: &[(&str, &str)] = &[];

/// Makes one of each.
pub async fn fill(_app: &TestApp) {}
