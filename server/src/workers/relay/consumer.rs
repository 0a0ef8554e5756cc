//! Who acts on events.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use crate::ledger::delivery::Delivery;
use crate::tenancy::TenantCtx;

/// Why a consumer could not act on an event; it will be asked again.
pub type Failure = Box<dyn Error + Send + Sync>;

/// A function that acts on events, under the name by which its position is kept.
///
/// It may get an event twice, and one that was added to a running system gets all of the past: it looks at the present
/// state before it acts. What it does not care about it answers with `Ok`.
#[derive(Clone)]
pub struct Consumer {
    name: &'static str,
    act: Arc<Act>,
}

type Act = dyn Fn(TenantCtx, Arc<Delivery>) -> Acting + Send + Sync;
type Acting = Pin<Box<dyn Future<Output = Result<(), Failure>> + Send>>;

impl Consumer {
    /// A consumer of this name, which must never change.
    pub fn new<F, R, E>(name: &'static str, act: F) -> Self
    where
        F: Fn(TenantCtx, Arc<Delivery>) -> R + Send + Sync + 'static,
        R: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<Failure>,
    {
        let act = move |ctx, delivery| -> Acting {
            let acting = act(ctx, delivery);
            Box::pin(async move { acting.await.map_err(Into::into) })
        };
        Self { name, act: Arc::new(act) }
    }

    pub fn name(&self) -> &'static str {
        self.name
    }

    pub(super) fn act(&self, ctx: TenantCtx, delivery: Arc<Delivery>) -> Acting {
        (self.act)(ctx, delivery)
    }
}

impl fmt::Debug for Consumer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Consumer").field("name", &self.name).finish_non_exhaustive()
    }
}
