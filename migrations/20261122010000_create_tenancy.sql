-- Who uses the server: tenants, their users, the users' sessions and devices.
--
-- Every table carries tenant_id first in its keys and has row-level security enabled and forced. The server logs in as
-- `app`, which owns nothing and sees only the rows of the tenant named in app.tenant_id; unset means no rows.

do $$
begin
  if not exists (select from pg_roles where rolname = 'app') then
    create role app login nosuperuser nocreatedb nocreaterole nobypassrls;
  end if;
  -- Owns the few functions that run before a tenant is known. Nobody can log in as it; it may read only what it is granted.
  if not exists (select from pg_roles where rolname = 'callout_definer') then
    create role callout_definer nologin nosuperuser nocreatedb nocreaterole nobypassrls;
  end if;
exception
  -- Roles belong to the whole cluster: another database of it may be migrating at the same moment.
  when duplicate_object or unique_violation then null;
end
$$;

do $$
begin
  set local role callout_definer;
  reset role;
exception
  -- From version 16 on, whoever makes a role administers it and yet may not act as it before granting that to himself.
  when insufficient_privilege then
    execute format('grant callout_definer to %I', current_user);
end
$$;

grant usage on schema public to app;
grant usage, create on schema public to callout_definer;

create table tenant (
  tenant_id   uuid        not null,
  slug        text        not null,
  name        text        not null,
  created_at  timestamptz not null,
  constraint tenant_pkey primary key (tenant_id),
  constraint tenant_slug_key unique (slug),
  constraint tenant_slug_check check (slug ~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'),
  constraint tenant_name_check check (length(name) between 1 and 200)
);

create table app_user (
  tenant_id      uuid        not null,
  user_id        uuid        not null,
  email          text        not null,
  name           text        not null,
  password_hash  text        not null,
  role           text        not null,
  locale         text        not null,
  version        bigint      not null default 1,
  created_at     timestamptz not null,
  disabled_at    timestamptz,
  constraint app_user_pkey primary key (tenant_id, user_id),
  constraint app_user_email_key unique (tenant_id, email),
  constraint app_user_tenant_fkey foreign key (tenant_id) references tenant (tenant_id),
  constraint app_user_email_check check (email = lower(email) and length(email) between 3 and 254),
  constraint app_user_name_check check (length(name) between 1 and 200),
  constraint app_user_role_check check (role in ('admin', 'dispatcher', 'engineer', 'warehouse', 'customer', 'auditor')),
  constraint app_user_locale_check check (locale in ('en', 'zh-CN'))
);
-- Sign-in starts from an address alone.
create index app_user_sign_in_idx on app_user (email, tenant_id);

create table device (
  tenant_id    uuid        not null,
  device_id    uuid        not null,
  user_id      uuid        not null,
  public_key   bytea       not null,
  platform     text        not null,
  app_version  text        not null,
  name         text        not null,
  enrolled_at  timestamptz not null,
  last_seen    timestamptz not null,
  revoked_at   timestamptz,
  constraint device_pkey primary key (tenant_id, device_id),
  constraint device_public_key_key unique (tenant_id, public_key),
  constraint device_user_fkey foreign key (tenant_id, user_id) references app_user (tenant_id, user_id),
  constraint device_public_key_check check (length(public_key) = 33),
  constraint device_platform_check check (platform in ('android', 'ios', 'desktop')),
  constraint device_app_version_check check (length(app_version) between 1 and 40),
  constraint device_name_check check (length(name) between 1 and 100)
);
create index device_user_idx on device (tenant_id, user_id);

-- What an enrolling device must sign to prove that it holds its key. Used once.
create table device_challenge (
  tenant_id     uuid        not null,
  nonce_sha256  bytea       not null,
  user_id       uuid        not null,
  expires_at    timestamptz not null,
  constraint device_challenge_pkey primary key (tenant_id, nonce_sha256),
  constraint device_challenge_user_fkey foreign key (tenant_id, user_id) references app_user (tenant_id, user_id)
);
create index device_challenge_expires_at_idx on device_challenge (expires_at);

-- One sign-in and everything refreshed from it.
create table session (
  tenant_id   uuid        not null,
  session_id  uuid        not null,
  user_id     uuid        not null,
  device_id   uuid,
  created_at  timestamptz not null,
  ended_at    timestamptz,
  end_reason  text,
  constraint session_pkey primary key (tenant_id, session_id),
  constraint session_user_fkey foreign key (tenant_id, user_id) references app_user (tenant_id, user_id),
  constraint session_device_fkey foreign key (tenant_id, device_id) references device (tenant_id, device_id),
  constraint session_end_check check ((ended_at is null) = (end_reason is null)),
  constraint session_end_reason_check check (end_reason in ('signed_out', 'replayed', 'password_changed'))
);
create index session_user_idx on session (tenant_id, user_id);
create index session_device_idx on session (tenant_id, device_id);

-- A used token is honoured again if and only if nothing made from it has been used: phones lose replies all day.
create table refresh_token (
  tenant_id      uuid        not null,
  token_sha256   bytea       not null,
  session_id     uuid        not null,
  parent_sha256  bytea,
  created_at     timestamptz not null,
  expires_at     timestamptz not null,
  used_at        timestamptz,
  constraint refresh_token_pkey primary key (tenant_id, token_sha256),
  constraint refresh_token_session_fkey foreign key (tenant_id, session_id) references session (tenant_id, session_id) on delete cascade
);
create index refresh_token_parent_idx on refresh_token (tenant_id, parent_sha256);
create index refresh_token_session_idx on refresh_token (tenant_id, session_id);
create index refresh_token_expires_at_idx on refresh_token (expires_at);

create table access_token (
  tenant_id     uuid        not null,
  token_sha256  bytea       not null,
  session_id    uuid        not null,
  expires_at    timestamptz not null,
  constraint access_token_pkey primary key (tenant_id, token_sha256),
  constraint access_token_session_fkey foreign key (tenant_id, session_id) references session (tenant_id, session_id) on delete cascade
);
create index access_token_session_idx on access_token (tenant_id, session_id);
create index access_token_expires_at_idx on access_token (expires_at);

-- Answers kept for POSTs that carry an Idempotency-Key. `carried_out` is set by the very transaction that does the work.
create table idempotency_key (
  tenant_id     uuid        not null,
  user_id       uuid        not null,
  key           text        not null,
  fingerprint   bytea       not null,
  claimed_at    timestamptz not null,
  carried_out   boolean     not null default false,
  status        smallint,
  content_type  text,
  body          bytea,
  constraint idempotency_key_pkey primary key (tenant_id, user_id, key),
  constraint idempotency_key_user_fkey foreign key (tenant_id, user_id) references app_user (tenant_id, user_id),
  constraint idempotency_key_key_check check (length(key) between 1 and 200)
);
create index idempotency_key_claimed_at_idx on idempotency_key (claimed_at);

do $$
declare
  t text;
begin
  foreach t in array array['tenant', 'app_user', 'device', 'device_challenge', 'session', 'refresh_token', 'access_token', 'idempotency_key'] loop
    execute format('alter table %I enable row level security', t);
    execute format('alter table %I force row level security', t);
    execute format(
      'create policy tenant_isolation on %I
         using (tenant_id = (select nullif(current_setting(''app.tenant_id'', true), '''')::uuid))
         with check (tenant_id = (select nullif(current_setting(''app.tenant_id'', true), '''')::uuid))', t);
  end loop;
end
$$;

grant select, insert on tenant to app;
grant select, insert, update on app_user, device, session to app;
grant select, insert, update on refresh_token to app;
grant select, insert on access_token to app;
grant select, insert, delete on device_challenge to app;
grant select, insert, update, delete on idempotency_key to app;
