//! What every store must do.

/// The tests that every [`Store`](crate::store::Store) must pass; the argument makes an empty one.
#[macro_export]
macro_rules! store_conformance {
    ($make:expr) => {
        mod conformance {
            use super::*;
            use $crate::store::{Store, StoreTx, Table};

            #[test]
            fn a_row_comes_back_until_it_is_removed() {
                let mut store = $make;
                let mut tx = store.begin().unwrap();
                assert_eq!(tx.get(Table::Ticket, b"key").unwrap(), None);
                tx.put(Table::Ticket, b"key", b"old").unwrap();
                tx.put(Table::Ticket, b"key", b"value").unwrap();
                assert_eq!(tx.get(Table::Ticket, b"key").unwrap().as_deref(), Some(&b"value"[..]));
                tx.commit().unwrap();

                let mut tx = store.begin().unwrap();
                assert_eq!(tx.get(Table::Ticket, b"key").unwrap().as_deref(), Some(&b"value"[..]));
                tx.delete(Table::Ticket, b"key").unwrap();
                tx.delete(Table::Ticket, b"never there").unwrap();
                assert_eq!(tx.get(Table::Ticket, b"key").unwrap(), None);
                tx.commit().unwrap();
                assert_eq!(store.begin().unwrap().scan(Table::Ticket, b"").unwrap(), []);
            }

            #[test]
            fn what_is_not_committed_never_was() {
                let mut store = $make;
                let mut tx = store.begin().unwrap();
                tx.put(Table::Outbox, b"1", b"kept").unwrap();
                tx.put(Table::Outbox, b"2", b"kept too").unwrap();
                tx.commit().unwrap();
                {
                    let mut tx = store.begin().unwrap();
                    tx.put(Table::Outbox, b"1", b"changed").unwrap();
                    tx.put(Table::Outbox, b"1", b"changed again").unwrap();
                    tx.delete(Table::Outbox, b"2").unwrap();
                    tx.put(Table::Outbox, b"3", b"new").unwrap();
                    tx.delete(Table::Outbox, b"3").unwrap();
                    tx.put(Table::Meta, b"1", b"new").unwrap();
                }
                let tx = store.begin().unwrap();
                let rows = tx.scan(Table::Outbox, b"").unwrap();
                assert_eq!(rows, [(b"1".to_vec(), b"kept".to_vec()), (b"2".to_vec(), b"kept too".to_vec())]);
                assert_eq!(tx.get(Table::Meta, b"1").unwrap(), None);
            }

            #[test]
            fn tables_are_apart() {
                let mut store = $make;
                let mut tx = store.begin().unwrap();
                for table in Table::ALL {
                    tx.put(*table, b"key", table.name().as_bytes()).unwrap();
                }
                for table in Table::ALL {
                    let rows = tx.scan(*table, b"").unwrap();
                    assert_eq!(rows, [(b"key".to_vec(), table.name().as_bytes().to_vec())]);
                }
                tx.delete(Table::Ticket, b"key").unwrap();
                assert!(tx.get(Table::Admitted, b"key").unwrap().is_some());
            }

            #[test]
            fn a_scan_is_ordered_by_bytes_and_bound_by_its_prefix() {
                let mut store = $make;
                let mut tx = store.begin().unwrap();
                let keys: [&[u8]; 9] =
                    [&[], &[0], &[0, 255], &[1], &[1, 0], &[1, 255, 255], &[2], &[255], &[255, 255, 1]];
                for key in keys.iter().rev() {
                    tx.put(Table::Reference, key, key).unwrap();
                }
                for prefix in [&[][..], &[0], &[1], &[1, 255], &[255], &[255, 255], &[3]] {
                    let found: Vec<_> =
                        tx.scan(Table::Reference, prefix).unwrap().into_iter().map(|(key, _)| key).collect();
                    let expected: Vec<_> =
                        keys.iter().filter(|key| key.starts_with(prefix)).map(|key| key.to_vec()).collect();
                    assert_eq!(found, expected, "prefix {prefix:?}");
                }
            }

            #[test]
            fn values_may_be_empty_or_large() {
                let mut store = $make;
                let large: Vec<u8> = (0..3_000_000_u32).map(|n| (n % 251) as u8).collect();
                let mut tx = store.begin().unwrap();
                tx.put(Table::Blob, b"empty", b"").unwrap();
                tx.put(Table::Blob, b"large", &large).unwrap();
                tx.commit().unwrap();
                let tx = store.begin().unwrap();
                assert_eq!(tx.get(Table::Blob, b"empty").unwrap(), Some(vec![]));
                assert_eq!(tx.get(Table::Blob, b"large").unwrap(), Some(large));
            }

            #[test]
            fn one_transaction_follows_another_whatever_became_of_the_first() {
                let mut store = $make;
                for round in 0..20_u8 {
                    let mut tx = store.begin().unwrap();
                    tx.put(Table::Superseded, &[round], b"").unwrap();
                    if round % 2 == 0 {
                        tx.commit().unwrap();
                    }
                }
                assert_eq!(store.begin().unwrap().scan(Table::Superseded, b"").unwrap().len(), 10);
            }
        }
    };
}
