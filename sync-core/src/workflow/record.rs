//! A workflow as bytes, so that it can travel to phones as a versioned reference row.

use prost::Message;

use crate::words::NotAWord;
use crate::workflow::{MoveRule, Need, Workflow};

/// Bytes that are no workflow, or one that needs a newer app.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAWorkflow {
    /// The record did not decode.
    #[error("not a record of a workflow")]
    NotARecord,
    /// It uses a word unknown here.
    #[error("a workflow for a newer app")]
    UnknownWord(#[from] NotAWord),
}

impl Workflow {
    /// Its record, the same bytes everywhere.
    pub fn to_bytes(&self) -> Vec<u8> {
        let rules = self.rules.iter().map(RuleRecord::from).collect();
        WorkflowRecord { code: self.code.clone(), version: self.version, rules }.encode_to_vec()
    }

    /// The workflow in this record.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, NotAWorkflow> {
        let record = WorkflowRecord::decode(bytes).map_err(|_| NotAWorkflow::NotARecord)?;
        let rules = record.rules.into_iter().map(MoveRule::try_from).collect::<Result<_, _>>()?;
        Ok(Workflow { code: record.code, version: record.version, rules })
    }
}

#[derive(Clone, PartialEq, Message)]
struct WorkflowRecord {
    #[prost(string, tag = "1")]
    code: String,
    #[prost(int64, tag = "2")]
    version: i64,
    #[prost(message, repeated, tag = "3")]
    rules: Vec<RuleRecord>,
}

#[derive(Clone, PartialEq, Message)]
struct RuleRecord {
    #[prost(string, tag = "1")]
    verb: String,
    #[prost(string, repeated, tag = "2")]
    from: Vec<String>,
    #[prost(string, tag = "3")]
    to: String,
    #[prost(string, repeated, tag = "4")]
    by: Vec<String>,
    #[prost(message, repeated, tag = "5")]
    needs: Vec<NeedRecord>,
}

/// `what` says which; the other two are used where the need has them.
#[derive(Clone, PartialEq, Message)]
struct NeedRecord {
    #[prost(string, tag = "1")]
    what: String,
    #[prost(string, tag = "2")]
    of: String,
    #[prost(int64, tag = "3")]
    at_least: i64,
}

impl From<&MoveRule> for RuleRecord {
    fn from(rule: &MoveRule) -> Self {
        Self {
            verb: rule.verb.to_string(),
            from: rule.from.iter().map(ToString::to_string).collect(),
            to: rule.to.to_string(),
            by: rule.by.iter().map(ToString::to_string).collect(),
            needs: rule.needs.iter().map(NeedRecord::from).collect(),
        }
    }
}

impl TryFrom<RuleRecord> for MoveRule {
    type Error = NotAWord;

    fn try_from(record: RuleRecord) -> Result<Self, NotAWord> {
        Ok(Self {
            verb: record.verb.parse()?,
            from: record.from.iter().map(|word| word.parse()).collect::<Result<_, _>>()?,
            to: record.to.parse()?,
            by: record.by.iter().map(|word| word.parse()).collect::<Result<_, _>>()?,
            needs: record.needs.into_iter().map(Need::try_from).collect::<Result<_, _>>()?,
        })
    }
}

impl From<&Need> for NeedRecord {
    fn from(need: &Need) -> Self {
        let (what, of, at_least) = match need {
            Need::Answer { step } => ("answer", step.as_str(), 0),
            Need::Evidence { role, at_least } => ("evidence", role.as_str(), *at_least),
            Need::Signature => ("signature", "", 0),
            Need::Solution => ("solution", "", 0),
        };
        Self { what: what.into(), of: of.into(), at_least }
    }
}

impl TryFrom<NeedRecord> for Need {
    type Error = NotAWord;

    fn try_from(record: NeedRecord) -> Result<Self, NotAWord> {
        match record.what.as_str() {
            "answer" => Ok(Need::Answer { step: record.of }),
            "evidence" => Ok(Need::Evidence { role: record.of, at_least: record.at_least }),
            "signature" => Ok(Need::Signature),
            "solution" => Ok(Need::Solution),
            _ => Err(NotAWord { list: "need", word: record.what.chars().take(64).collect() }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workflow::{Move, Party, Status};

    #[test]
    fn a_workflow_reads_back() {
        let mut workflow = Workflow::field_service();
        workflow.rules.push(MoveRule {
            verb: Move::Verify,
            from: vec![Status::Done],
            to: Status::Closed,
            by: vec![Party::Admin],
            needs: vec![
                Need::Answer { step: "earth".into() },
                Need::Evidence { role: "after".into(), at_least: 2 },
                Need::Signature,
                Need::Solution,
            ],
        });
        assert_eq!(Workflow::from_bytes(&workflow.to_bytes()), Ok(workflow));
    }

    #[test]
    fn a_word_from_the_future_says_so() {
        let rule = RuleRecord { verb: "teleport".into(), ..RuleRecord::default() };
        let record = WorkflowRecord { rules: vec![rule], ..WorkflowRecord::default() };
        assert!(matches!(Workflow::from_bytes(&record.encode_to_vec()), Err(NotAWorkflow::UnknownWord(_))));
        assert_eq!(Workflow::from_bytes(&[0xff; 9]), Err(NotAWorkflow::NotARecord));
    }
}
