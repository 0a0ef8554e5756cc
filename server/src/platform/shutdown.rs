//! How the end of the server is made known to what would otherwise run for ever: streams and background loops.

use tokio::sync::watch;

/// Waits for the end. Clones wait for the same.
#[derive(Debug, Clone)]
pub struct Shutdown(watch::Receiver<bool>);

/// Announces the end, once.
#[derive(Debug)]
pub struct ShutdownTrigger(watch::Sender<bool>);

/// A trigger and what waits for it.
pub fn shutdown() -> (ShutdownTrigger, Shutdown) {
    let (sender, receiver) = watch::channel(false);
    (ShutdownTrigger(sender), Shutdown(receiver))
}

impl ShutdownTrigger {
    pub fn announce(&self) {
        self.0.send_replace(true);
    }
}

impl Shutdown {
    /// Returns when the server is to end; at once if that has been announced, or nobody is left to announce it.
    pub async fn wait(&self) {
        let mut announced = self.0.clone();
        // An error says that the trigger is gone, which is an end as well.
        let _ = announced.wait_for(|is_over| *is_over).await;
    }

    pub fn is_announced(&self) -> bool {
        *self.0.borrow()
    }
}
