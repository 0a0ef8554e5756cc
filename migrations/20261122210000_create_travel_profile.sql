-- How fast engineers get on, by area and hour, where no routing engine measures it. A version is never changed: what was
-- decided names the one it was decided by. The last one counts.
create table travel_profile (
    tenant_id uuid not null,
    version bigint not null,
    time_zone text not null,             -- in which the hours of the rules are meant
    rules jsonb not null,
    changed_at timestamptz not null,
    changed_by uuid not null,
    constraint travel_profile_pkey primary key (tenant_id, version),
    constraint travel_profile_tenant_fkey foreign key (tenant_id) references tenant (tenant_id),
    constraint travel_profile_version_check check (version >= 1),
    constraint travel_profile_rules_check check (jsonb_typeof(rules) = 'array')
);

alter table travel_profile enable row level security;
alter table travel_profile force row level security;
create policy tenant_isolation on travel_profile to app
    using (tenant_id = (select nullif(current_setting('app.tenant_id', true), '')::uuid))
    with check (tenant_id = (select nullif(current_setting('app.tenant_id', true), '')::uuid));

grant select, insert on travel_profile to app;
