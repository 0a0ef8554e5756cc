//! What a person sees while it runs: a bar for each step on a terminal, a line for each step elsewhere.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// The steps of the demo, one after the other.
#[derive(Debug)]
pub struct Steps {
    is_terminal: bool,
}

/// One of them, under way.
#[derive(Debug)]
pub struct Step {
    bar: ProgressBar,
    what: String,
    begun: Instant,
    is_terminal: bool,
}

impl Steps {
    #[expect(clippy::new_without_default, reason = "it looks at the terminal")]
    pub fn new() -> Self {
        Self { is_terminal: std::io::stdout().is_terminal() }
    }

    /// Begins a step of so many parts; of an unknown number, if 0.
    pub fn begin(&self, what: &str, parts: usize) -> Step {
        let target = if self.is_terminal { ProgressDrawTarget::stdout() } else { ProgressDrawTarget::hidden() };
        let length = (parts > 0).then_some(u64::try_from(parts).unwrap_or(u64::MAX));
        let template = match length {
            Some(_) => "  {spinner:.cyan} {msg:<46} {bar:24.cyan/240} {pos:>5}/{len}",
            None => "  {spinner:.cyan} {msg:<46}",
        };
        let style = ProgressStyle::with_template(template).expect("a template").progress_chars("━╸─");
        let bar = ProgressBar::with_draw_target(length, target).with_style(style).with_message(what.to_owned());
        bar.enable_steady_tick(Duration::from_millis(120));
        Step { bar, what: what.to_owned(), begun: Instant::now(), is_terminal: self.is_terminal }
    }
}

impl Step {
    /// One more part is done.
    pub fn advance(&self) {
        self.bar.inc(1);
    }

    /// A handle for those who do the parts elsewhere.
    pub fn bar(&self) -> ProgressBar {
        self.bar.clone()
    }

    /// The step has come to this.
    pub fn done(self, result: &str) {
        self.bar.finish_and_clear();
        let mark = if self.is_terminal { "\u{1b}[32m✓\u{1b}[0m" } else { "✓" };
        println!("  {mark} {:<46} {result}  ({:.1} s)", self.what, self.begun.elapsed().as_secs_f64());
    }
}
