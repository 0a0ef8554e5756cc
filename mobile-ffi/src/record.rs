//! What crosses to the app: flat records, made from the core's types and never turned back into them.
//!
//! Times are milliseconds since 1970. Those of the device's own clock are named `…_device_ms`; all others are the
//! server's.

mod day;
mod entry;
mod knowledge;
mod meeting;
mod notice;
mod place;
mod pool;
mod status;
mod store;
mod ticket;
mod work;

pub(crate) use day::count;
pub use day::{AgendaItem, Day};
pub use entry::{Answer, Evidence, Note, PartUsed, Signature};
pub use knowledge::{Article, FoundArticle, KnowledgeStatus, TextPart};
pub use meeting::{ColleaguesEntry, ColleaguesView, MeetingReport};
pub use notice::RefusedElsewhere;
pub use place::{Contact, Customer, Site};
pub use pool::{Offer, Take, TakeState};
pub use status::{PhoneStatus, Standing, SyncReport, Trouble};
pub use store::{DiskSpace, ExportReceipt, SalvageReport, TableCount};
pub use ticket::{Status, TicketView, VisitView};
pub use work::{AwaitedBlob, BlobReference, CustomerSignature, Draft, DraftDecision, Place};
