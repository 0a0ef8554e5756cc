//! Everybody comes back, in any order and over bad ways, until nothing is left to send.

use std::collections::BTreeMap;

use anyhow::{bail, ensure};
use futures_util::StreamExt;
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;

use super::day::AT_ONCE;
use super::steps::Steps;
use crate::phone::{Fate, Faults, Phone};

/// Tries of one phone; with the ways as bad as they are, nobody needs a tenth of them.
const MOST_TRIES: usize = 300;

/// How the return went.
#[derive(Debug, Clone)]
pub struct Returned {
    /// How many requests met which fate.
    pub fates: BTreeMap<Fate, usize>,
}

/// Brings every phone back.
pub async fn come_back(phones: &mut [Phone], seed: u64, steps: &Steps) -> anyhow::Result<Returned> {
    let step = steps.begin("coming back, over bad ways", phones.len());
    let mut order: Vec<&mut Phone> = phones.iter_mut().collect();
    order.shuffle(&mut StdRng::seed_from_u64(seed ^ 0xbacc));
    let back = |phone| {
        let bar = step.bar();
        async move {
            let done = exchange_until_done(phone).await;
            bar.inc(1);
            done
        }
    };
    let ends: Vec<_> = futures_util::stream::iter(order).map(back).buffer_unordered(AT_ONCE).collect().await;
    ends.into_iter().collect::<anyhow::Result<()>>()?;
    // Once more, over good ways: everybody sees what the others did meanwhile.
    let mut fates = BTreeMap::new();
    for phone in phones.iter_mut() {
        phone.with_faults(Faults::default()).online().await;
        ensure!(phone.status().unsent == 0, "{} still has unsent work", phone.owner.email);
        for (fate, count) in phone.fates() {
            *fates.entry(*fate).or_default() += count;
        }
    }
    let of = |fate| fates.get(&fate).copied().unwrap_or(0);
    step.done(&format!(
        "{} requests: {} lost, {} replies lost, {} doubled, {} shuffled",
        fates.values().sum::<usize>(),
        of(Fate::RequestLost),
        of(Fate::ReplyLost),
        of(Fate::Doubled),
        of(Fate::Shuffled),
    ));
    Ok(Returned { fates })
}

async fn exchange_until_done(phone: &mut Phone) -> anyhow::Result<()> {
    phone.with_faults(Faults::basement()).in_reach();
    for _ in 0..MOST_TRIES {
        let must_go_on = phone.exchange().await.must_go_on();
        if !must_go_on && phone.upload().await == 0 && phone.status().unsent == 0 {
            return Ok(());
        }
    }
    bail!("{} does not get through: {:?}", phone.owner.email, phone.status())
}
