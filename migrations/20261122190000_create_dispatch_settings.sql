-- How a tenant wants to be dispatched: who decides where a ticket type does not say, and what things are worth. A tenant
-- without a row has the defaults of the server.
create table dispatch_settings (
    tenant_id uuid not null,
    mode text not null,                       -- for ticket types that say nothing
    unserved_weight integer[] not null,       -- what it weighs to leave a visit out, from priority 1 to 5
    travel_permille integer not null,
    full_load_s integer not null,
    wait_permille integer[] not null,         -- from priority 1 to 5
    late_permille integer[] not null,         -- from priority 1 to 5
    preferred_s integer not null,
    overskilled_s integer not null,
    missing_part_s integer not null,
    moved_s integer not null,
    moved_tolerance_s integer not null,
    overtime_permille integer not null,
    version bigint not null default 1,
    updated_at timestamptz not null,
    updated_by uuid not null,
    constraint dispatch_settings_pkey primary key (tenant_id),
    constraint dispatch_settings_tenant_fkey foreign key (tenant_id) references tenant (tenant_id),
    constraint dispatch_settings_mode_check check (mode in ('automatic', 'suggest', 'pool', 'manual')),
    constraint dispatch_settings_lists_check check (
        cardinality(unserved_weight) = 5 and cardinality(wait_permille) = 5 and cardinality(late_permille) = 5
        and 1 <= all (unserved_weight) and 0 <= all (wait_permille) and 0 <= all (late_permille)
    ),
    constraint dispatch_settings_weights_check check (
        least(travel_permille, full_load_s, preferred_s, overskilled_s, missing_part_s, moved_s, moved_tolerance_s, overtime_permille)
            >= 0
    )
);

alter table dispatch_settings enable row level security;
alter table dispatch_settings force row level security;
create policy tenant_isolation on dispatch_settings to app
    using (tenant_id = (select nullif(current_setting('app.tenant_id', true), '')::uuid))
    with check (tenant_id = (select nullif(current_setting('app.tenant_id', true), '')::uuid));

grant select, insert, update on dispatch_settings to app;

-- Null: as the tenant's settings say.
alter table ticket_type alter column dispatch_mode drop not null;
