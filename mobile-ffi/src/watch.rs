//! Listeners: called at once with the present value, then whenever it changes, always from one thread.
//!
//! The thread reads the value itself when it is told that something moved, so any number of changes while a listener
//! is busy become one call with the latest value, and nobody is called with the same value twice in a row.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use crate::error::FieldError;

/// A listener that goes on until this is dropped, or cancelled where the language drops late.
#[derive(uniffi::Object)]
pub struct Subscription {
    is_open: Arc<AtomicBool>,
    wake: Box<dyn Fn() + Send + Sync>,
}

#[uniffi::export]
impl Subscription {
    /// Ends it. A call that is under way is finished; none follows.
    pub fn cancel(&self) {
        self.is_open.store(false, Ordering::SeqCst);
        // So that the thread lets go of the listener.
        (self.wake)();
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.cancel();
    }
}

/// The thread and the way to reach it. Dropped, the thread ends.
pub(crate) struct Publisher<T> {
    told: Sender<Told<T>>,
}

/// What there is to publish.
pub(crate) enum Present<T> {
    Value(T),
    /// Nothing can be said now; listeners keep what they heard last.
    Unknown,
    /// Nothing will ever be said again.
    Gone,
}

enum Told<T> {
    Moved,
    Listen(Listener<T>),
}

struct Listener<T> {
    is_open: Arc<AtomicBool>,
    call: Box<dyn Fn(T) + Send>,
    last: Option<T>,
}

impl<T: Clone + PartialEq + Send + 'static> Publisher<T> {
    /// Starts the thread; `read` gives the present value.
    pub fn start(read: impl Fn() -> Present<T> + Send + 'static) -> Result<Self, FieldError> {
        let (told, inbox) = channel();
        let thread = thread::Builder::new().name("callout-listeners".to_owned());
        let started = thread.spawn(move || publish(&inbox, read));
        started.map_err(|error| FieldError::Internal { detail: format!("no thread: {error}") })?;
        Ok(Self { told })
    }

    /// Something may have changed. Never blocks.
    pub fn moved(&self) {
        // Without a thread there is nobody to tell.
        let _ = self.told.send(Told::Moved);
    }

    pub fn listen(&self, call: impl Fn(T) + Send + 'static) -> Subscription {
        let is_open = Arc::new(AtomicBool::new(true));
        let listener = Listener { is_open: Arc::clone(&is_open), call: Box::new(call), last: None };
        let _ = self.told.send(Told::Listen(listener));
        let told = self.told.clone();
        Subscription { is_open, wake: Box::new(move || drop(told.send(Told::Moved))) }
    }
}

impl<T> Drop for Publisher<T> {
    fn drop(&mut self) {
        let _ = self.told.send(Told::Moved);
    }
}

fn publish<T: Clone + PartialEq>(inbox: &Receiver<Told<T>>, read: impl Fn() -> Present<T>) {
    let mut listeners: Vec<Listener<T>> = Vec::new();
    while let Ok(first) = inbox.recv() {
        for told in std::iter::once(first).chain(inbox.try_iter()) {
            if let Told::Listen(listener) = told {
                listeners.push(listener);
            }
        }
        listeners.retain(Listener::is_open);
        match read() {
            Present::Value(now) => listeners.iter_mut().for_each(|listener| listener.tell(&now)),
            Present::Unknown => {}
            Present::Gone => return,
        }
    }
}

impl<T: Clone + PartialEq> Listener<T> {
    fn is_open(&self) -> bool {
        self.is_open.load(Ordering::SeqCst)
    }

    /// A listener that throws is the app's defect; the others, and its own next call, go on.
    fn tell(&mut self, now: &T) {
        if self.is_open() && self.last.as_ref() != Some(now) {
            let _ = catch_unwind(AssertUnwindSafe(|| (self.call)(now.clone())));
            self.last = Some(now.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicI32;
    use std::thread::ThreadId;
    use std::time::Duration;

    const SOON: Duration = Duration::from_secs(10);

    fn counter() -> (Arc<AtomicI32>, Publisher<i32>) {
        let value = Arc::new(AtomicI32::new(7));
        let read = Arc::downgrade(&value);
        let read = move || read.upgrade().map_or(Present::Gone, |value| Present::Value(value.load(Ordering::SeqCst)));
        let publisher = Publisher::start(read).unwrap();
        (value, publisher)
    }

    #[test]
    fn a_listener_hears_the_present_value_and_then_the_changes_from_one_thread() {
        let (value, publisher) = counter();
        let (heard, inbox) = channel::<(i32, ThreadId)>();
        let _subscription = publisher.listen(move |value| heard.send((value, thread::current().id())).unwrap());
        let first = inbox.recv_timeout(SOON).unwrap();
        publisher.moved();
        value.store(8, Ordering::SeqCst);
        publisher.moved();
        let second = inbox.recv_timeout(SOON).unwrap();
        assert_eq!((first.0, second.0), (7, 8), "an unchanged value is not told again");
        assert_eq!(first.1, second.1);
        assert_ne!(first.1, thread::current().id());
    }

    #[test]
    fn a_dropped_subscription_hears_no_more_and_lets_go() {
        let (value, publisher) = counter();
        let (heard, inbox) = channel();
        let subscription = publisher.listen(move |value| heard.send(value).unwrap());
        assert_eq!(inbox.recv_timeout(SOON).unwrap(), 7);
        drop(subscription);
        value.store(8, Ordering::SeqCst);
        publisher.moved();
        assert!(inbox.recv_timeout(SOON).is_err_and(|error| error == std::sync::mpsc::RecvTimeoutError::Disconnected));
    }

    #[test]
    fn a_listener_that_throws_does_not_silence_the_others() {
        let (_value, publisher) = counter();
        let (heard, inbox) = channel();
        let _bad = publisher.listen(|_| panic!("a defect of the app"));
        let _good = publisher.listen(move |value| heard.send(value).unwrap());
        assert_eq!(inbox.recv_timeout(SOON).unwrap(), 7);
    }
}
