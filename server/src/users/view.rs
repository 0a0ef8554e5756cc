//! Users as the API shows and takes them.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sync_core::NotAWord;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};
use uuid::Uuid;

use crate::tenancy::Role;

/// A person who can sign in.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct UserView {
    pub id: Uuid,
    pub email: String,
    pub name: String,
    pub role: RoleView,
    pub locale: Locale,
    pub created_at: DateTime<Utc>,
    /// Since when this person can no longer sign in.
    pub disabled_at: Option<DateTime<Utc>>,
    /// Goes up with each change; the `ETag` of this user.
    pub version: i64,
}

/// What a person is to the tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RoleView(pub Role);

impl Serialize for RoleView {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.as_str())
    }
}

impl<'de> Deserialize<'de> for RoleView {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map(Self).map_err(|error: NotAWord| D::Error::custom(error))
    }
}

impl PartialSchema for RoleView {
    fn schema() -> RefOr<Schema> {
        let words = Role::ALL.iter().map(|role| role.as_str());
        ObjectBuilder::new()
            .schema_type(Type::String)
            .description(Some("What a person is to the tenant."))
            .enum_values(Some(words))
            .into()
    }
}

impl ToSchema for RoleView {
    fn name() -> Cow<'static, str> {
        "Role".into()
    }
}

/// A language the product speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub enum Locale {
    #[default]
    #[serde(rename = "en")]
    English,
    #[serde(rename = "zh-CN")]
    Chinese,
}

impl Locale {
    /// As it stands in the database and in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Chinese => "zh-CN",
        }
    }
}

/// The person who is signed in.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct MeView {
    #[serde(flatten)]
    pub user: UserView,
    pub tenant: Uuid,
    /// The device that this session is bound to.
    pub device: Option<Uuid>,
}

/// A person to be.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewUserRequest {
    pub email: String,
    pub name: String,
    pub role: RoleView,
    /// `en` if left out.
    #[serde(default)]
    pub locale: Option<Locale>,
    /// 10 to 200 characters.
    pub password: String,
}

/// What to change; what is left out stays.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeUserRequest {
    #[serde(default)]
    pub name: Option<String>,
    #[serde(default)]
    pub role: Option<RoleView>,
    #[serde(default)]
    pub locale: Option<Locale>,
}

/// A new password for oneself.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangePasswordRequest {
    pub current_password: String,
    /// 10 to 200 characters.
    pub new_password: String,
}
