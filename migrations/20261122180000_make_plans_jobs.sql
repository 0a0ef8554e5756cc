-- A plan is ordered, waits, is worked by whichever process is free, and comes to an end that it names. A process works on
-- it under a lease; the lease of a process that died runs out by itself, and another process goes on from these rows.

-- A server of the release before writes no state: its plans are nobody else's, so they begin where nobody takes them up.
alter table plan_run
    add column state text not null default 'applied',
    add column ticket_ids uuid[],        -- which tickets were ordered; null: all
    add column holder uuid,              -- which process works on it, until held_until by the database's clock
    add column held_until timestamptz,   -- without a holder: nobody is to try it before
    add column taken_at timestamptz,     -- by the database's clock
    add column attempts integer not null default 0,
    add column progress double precision not null default 0,
    add column failure text;             -- a code: why there is no plan

update plan_run set state = 'drafted' where is_dry_run and finished_at is not null;
update plan_run set state = 'failed', failure = 'interrupted' where finished_at is null;

alter table plan_run
    add constraint plan_run_state_check
        check (state in ('queued', 'running', 'drafted', 'applying', 'applied', 'cancelled', 'failed')),
    add constraint plan_run_holder_check check (holder is null or held_until is not null and state in ('running', 'applying')),
    add constraint plan_run_progress_check check (progress between 0 and 1),
    add constraint plan_run_failure_check check ((state = 'failed') = (failure is not null));

create index plan_run_due_idx on plan_run (tenant_id, ordered_at) where state in ('queued', 'running', 'applying');
create index plan_run_taken_idx on plan_run (tenant_id, taken_at) where taken_at is not null;

-- A planned visit is written down with its reasons before anything is assigned: so that whoever goes on with it needs not
-- plan again.
alter table planned_visit
    add column wanted_by uuid,           -- who wants it assigned; null: nobody yet
    add column conflict text,            -- a code: why it could not be assigned after all
    add column considered jsonb;         -- until it is assigned: then they are in assignment_explanation

grant update, delete on planned_visit to app;

-- Which tenant to turn to.
create policy definer_reads on plan_run for select to callout_definer using (true);
grant select (tenant_id, state, held_until, taken_at) on plan_run to callout_definer;

set role callout_definer;

-- The tenants with a plan in one of these states that nobody works on, those first whose turn was the longest ago.
create function plans_due (the_states text[])
    returns table (tenant_id uuid)
    language sql stable security definer set search_path = pg_catalog, public
as $$
    select due.tenant_id
    from (
        select distinct r.tenant_id
        from public.plan_run r
        where r.state in ('queued', 'running', 'applying')
            and r.state = any (the_states)
            and (r.held_until is null or r.held_until < clock_timestamp())
    ) due
    order by (
        select max(t.taken_at) from public.plan_run t where t.tenant_id = due.tenant_id and t.taken_at is not null
    ) nulls first, due.tenant_id
$$;

reset role;

revoke all on function plans_due (text[]) from public;
grant execute on function plans_due (text[]) to app;
