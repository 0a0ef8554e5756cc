-- Whom the work is for, where it is, who can do it and of what kinds it is: rows, not documents.
--
-- Editable rows carry `version` (for If-Match) and are archived, never deleted, where a ticket may name them.
-- Positions are WGS-84 degrees; `cell` is the H3 cell of the position at resolution 7 (see platform/position.rs), kept
-- beside it as a plain bigint because row-level security leaves only plain comparisons their index.

create extension if not exists btree_gist;

-- whom the work is for, and where -------------------------------------------------------------------------------------

create table customer (
    tenant_id uuid not null,
    customer_id uuid not null,
    name text not null,
    tier text not null,
    external_ref text,
    locale text not null,
    version bigint not null default 1,
    created_at timestamptz not null,
    archived_at timestamptz,
    constraint customer_pkey primary key (tenant_id, customer_id),
    constraint customer_tenant_fkey foreign key (tenant_id) references tenant (tenant_id),
    constraint customer_external_ref_key unique (tenant_id, external_ref),
    constraint customer_name_check check (length(name) between 1 and 200),
    constraint customer_tier_check check (tier in ('standard', 'silver', 'gold', 'platinum')),
    constraint customer_external_ref_check check (length(external_ref) between 1 and 200),
    constraint customer_locale_check check (locale in ('en', 'zh-CN'))
);

create table site (
    tenant_id uuid not null,
    site_id uuid not null,
    customer_id uuid,
    name text not null,
    address text not null,
    lat double precision,                -- null: not located yet
    lon double precision,
    cell bigint,
    time_zone text not null,             -- IANA name
    external_ref text,
    version bigint not null default 1,
    created_at timestamptz not null,
    archived_at timestamptz,
    constraint site_pkey primary key (tenant_id, site_id),
    constraint site_tenant_fkey foreign key (tenant_id) references tenant (tenant_id),
    constraint site_customer_fkey foreign key (tenant_id, customer_id) references customer (tenant_id, customer_id),
    constraint site_external_ref_key unique (tenant_id, external_ref),
    constraint site_name_check check (length(name) between 1 and 200),
    constraint site_address_check check (length(address) <= 500),
    constraint site_external_ref_check check (length(external_ref) between 1 and 200),
    constraint site_position_check check (
        (lat is null) = (lon is null) and (lat is null) = (cell is null)
        and lat between -90 and 90 and lon between -180 and 180
    )
);
create index site_customer_idx on site (tenant_id, customer_id, site_id);
create index site_cell_idx on site (tenant_id, cell);
create index site_unlocated_idx on site (tenant_id, site_id) where lat is null;

create table contact (
    tenant_id uuid not null,
    contact_id uuid not null,
    site_id uuid not null,
    name text not null,
    phone text,
    email text,
    note text,
    version bigint not null default 1,
    created_at timestamptz not null,
    archived_at timestamptz,
    constraint contact_pkey primary key (tenant_id, contact_id),
    constraint contact_site_fkey foreign key (tenant_id, site_id) references site (tenant_id, site_id),
    constraint contact_name_check check (length(name) between 1 and 200),
    constraint contact_phone_check check (length(phone) between 3 and 40),
    constraint contact_email_check check (length(email) between 3 and 254),
    constraint contact_note_check check (length(note) <= 2000)
);
create index contact_site_idx on contact (tenant_id, site_id, contact_id);

-- who can do it -------------------------------------------------------------------------------------------------------

create table skill (
    tenant_id uuid not null,
    skill text not null,                 -- the code, as tickets name it
    name_en text not null,
    name_zh text not null,
    version bigint not null default 1,
    archived_at timestamptz,
    constraint skill_pkey primary key (tenant_id, skill),
    constraint skill_tenant_fkey foreign key (tenant_id) references tenant (tenant_id),
    constraint skill_code_check check (skill ~ '^[a-z0-9]([a-z0-9_-]{0,62}[a-z0-9])?$'),
    constraint skill_name_check check (length(name_en) between 1 and 100 and length(name_zh) between 1 and 100)
);

-- An engineer is a user who works in the field; both have one id.
create table engineer (
    tenant_id uuid not null,
    engineer_id uuid not null,
    display_name text not null,
    home_lat double precision,           -- null: cannot be ranked by distance yet
    home_lon double precision,
    home_cell bigint,
    speed_kmh double precision,          -- null: the planner's default
    territory text,
    version bigint not null default 1,
    created_at timestamptz not null,
    archived_at timestamptz,
    constraint engineer_pkey primary key (tenant_id, engineer_id),
    constraint engineer_user_fkey foreign key (tenant_id, engineer_id) references app_user (tenant_id, user_id),
    constraint engineer_display_name_check check (length(display_name) between 1 and 200),
    constraint engineer_home_check check (
        (home_lat is null) = (home_lon is null) and (home_lat is null) = (home_cell is null)
        and home_lat between -90 and 90 and home_lon between -180 and 180
    ),
    constraint engineer_speed_kmh_check check (speed_kmh between 1 and 200),
    constraint engineer_territory_check check (length(territory) between 1 and 100)
);
create index engineer_home_cell_idx on engineer (tenant_id, home_cell) where archived_at is null;

create table engineer_skill (
    tenant_id uuid not null,
    engineer_id uuid not null,
    skill text not null,
    level integer not null,
    expires_on date,                     -- the last day on which the certificate holds; null: it does not expire
    constraint engineer_skill_pkey primary key (tenant_id, engineer_id, skill),
    constraint engineer_skill_engineer_fkey foreign key (tenant_id, engineer_id) references engineer (tenant_id, engineer_id),
    constraint engineer_skill_skill_fkey foreign key (tenant_id, skill) references skill (tenant_id, skill),
    constraint engineer_skill_level_check check (level between 1 and 5)
);
create index engineer_skill_skill_idx on engineer_skill (tenant_id, skill, level, engineer_id);

create table shift (
    tenant_id uuid not null,
    shift_id uuid not null,
    engineer_id uuid not null,
    starts_at timestamptz not null,
    ends_at timestamptz not null,
    constraint shift_pkey primary key (tenant_id, shift_id),
    constraint shift_engineer_fkey foreign key (tenant_id, engineer_id) references engineer (tenant_id, engineer_id),
    constraint shift_window_check check (starts_at < ends_at and ends_at <= starts_at + interval '24 hours'),
    constraint shift_no_overlap exclude using gist (
        tenant_id with =, engineer_id with =, tstzrange(starts_at, ends_at) with &&
    )
);
create index shift_engineer_idx on shift (tenant_id, engineer_id, starts_at);
create index shift_start_idx on shift (tenant_id, starts_at);

create table time_off (
    tenant_id uuid not null,
    time_off_id uuid not null,
    engineer_id uuid not null,
    starts_at timestamptz not null,
    ends_at timestamptz not null,
    reason text,
    constraint time_off_pkey primary key (tenant_id, time_off_id),
    constraint time_off_engineer_fkey foreign key (tenant_id, engineer_id) references engineer (tenant_id, engineer_id),
    constraint time_off_window_check check (starts_at < ends_at),
    constraint time_off_reason_check check (length(reason) <= 500)
);
create index time_off_engineer_idx on time_off (tenant_id, engineer_id, starts_at);

-- of what kinds the work is -------------------------------------------------------------------------------------------

create table ticket_type (
    tenant_id uuid not null,
    code text not null,                  -- as tickets name it
    name_en text not null,
    name_zh text not null,
    duration_min integer not null,
    priority integer not null,           -- 1 is the most urgent
    dispatch_mode text not null,
    response_target_min integer,         -- from the request; null: none promised
    resolution_target_min integer,
    workflow text not null,
    workflow_version bigint not null,
    version bigint not null default 1,
    created_at timestamptz not null,
    archived_at timestamptz,
    constraint ticket_type_pkey primary key (tenant_id, code),
    constraint ticket_type_tenant_fkey foreign key (tenant_id) references tenant (tenant_id),
    constraint ticket_type_code_check check (code ~ '^[a-z0-9]([a-z0-9_-]{0,62}[a-z0-9])?$'),
    constraint ticket_type_name_check check (length(name_en) between 1 and 100 and length(name_zh) between 1 and 100),
    constraint ticket_type_duration_min_check check (duration_min between 5 and 1440),
    constraint ticket_type_priority_check check (priority between 1 and 5),
    constraint ticket_type_dispatch_mode_check check (dispatch_mode in ('automatic', 'suggest', 'pool', 'manual')),
    constraint ticket_type_response_target_check check (response_target_min between 1 and 525600),
    constraint ticket_type_resolution_target_check check (resolution_target_min between 1 and 525600)
);

create table ticket_type_skill (
    tenant_id uuid not null,
    code text not null,
    skill text not null,
    level integer not null,
    constraint ticket_type_skill_pkey primary key (tenant_id, code, skill),
    constraint ticket_type_skill_type_fkey foreign key (tenant_id, code) references ticket_type (tenant_id, code),
    constraint ticket_type_skill_skill_fkey foreign key (tenant_id, skill) references skill (tenant_id, skill),
    constraint ticket_type_skill_level_check check (level between 1 and 5)
);

-- the nets ------------------------------------------------------------------------------------------------------------

do $$
declare
    t text;
begin
    foreach t in array array[
        'customer', 'site', 'contact', 'skill', 'engineer', 'engineer_skill', 'shift', 'time_off', 'ticket_type', 'ticket_type_skill'
    ] loop
        execute format('alter table %I enable row level security', t);
        execute format('alter table %I force row level security', t);
        execute format(
            'create policy tenant_isolation on %I
                using (tenant_id = (select nullif(current_setting(''app.tenant_id'', true), '''')::uuid))
                with check (tenant_id = (select nullif(current_setting(''app.tenant_id'', true), '''')::uuid))', t);
    end loop;
end
$$;

-- Deleted is only what no ticket can name.
grant select, insert, update on customer, site, contact, skill, engineer, ticket_type to app;
grant select, insert, update, delete on engineer_skill, shift, time_off, ticket_type_skill to app;
