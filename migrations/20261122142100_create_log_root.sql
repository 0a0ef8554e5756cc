-- One hash a day over what the log of a tenant took in: a Merkle tree with a leaf for each ticket that moved, and in each
-- leaf the link of the ticket's chain, which covers every change. Signed, published, and naming the day before: from then on
-- nobody rewrites that day unseen, not even who owns the database.

create table log_root (
    tenant_id uuid not null references tenant (tenant_id),
    day date not null,                   -- UTC
    leaves bigint not null,
    changes bigint not null,
    root bytea not null,
    previous bytea not null,             -- SHA-256 of what was signed of the day before; zeros for the first
    server_epoch uuid not null,
    upto_xid bigint not null,            -- what transactions from this one on have written is of a later day
    closed_at timestamptz not null,
    signature bytea not null,
    constraint log_root_pkey primary key (tenant_id, day)
);

create table log_leaf (
    tenant_id uuid not null,
    day date not null,
    ticket_id uuid not null,
    from_version bigint not null,
    to_version bigint not null,
    link bytea not null,                 -- chain_hash of change to_version
    constraint log_leaf_pkey primary key (tenant_id, day, ticket_id),
    constraint log_leaf_root_fkey foreign key (tenant_id, day) references log_root (tenant_id, day),
    constraint log_leaf_versions_check check (0 < from_version and from_version <= to_version)
);
create index log_leaf_ticket_idx on log_leaf (tenant_id, ticket_id, to_version);

do $$
declare
    t text;
begin
    foreach t in array array['log_root', 'log_leaf'] loop
        execute format('alter table %I enable row level security', t);
        execute format('alter table %I force row level security', t);
        execute format(
            'create policy tenant_isolation on %I to app
                using (tenant_id = (select nullif(current_setting(''app.tenant_id'', true), '''')::uuid))
                with check (tenant_id = (select nullif(current_setting(''app.tenant_id'', true), '''')::uuid))', t);
    end loop;
end
$$;

-- A day that is closed stays as it is.
grant select, insert on log_root, log_leaf to app;

create policy definer_reads on log_root for select to callout_definer using (true);
grant select on log_root to callout_definer;

set role callout_definer;

-- The tenants of which this day, or one before it, is not closed yet.
create function log_days_due (the_day date)
    returns table (tenant_id uuid)
    language sql stable security definer set search_path = pg_catalog, public
as $$
    select t.tenant_id
    from public.tenant t
    where not exists (select from public.log_root r where r.tenant_id = t.tenant_id and r.day >= the_day)
$$;

reset role;

revoke all on function log_days_due (date) from public;
grant execute on function log_days_due (date) to app;
