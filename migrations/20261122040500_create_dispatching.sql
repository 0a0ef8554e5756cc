-- Who was sent and why: the reasons of every assignment, suggestions that wait for a dispatcher, and plans of many
-- visits with what they left for later.

-- A run of the planner over many visits.
create table plan_run (
    tenant_id uuid not null,
    plan_run_id uuid not null,
    ordered_by uuid not null,
    ordered_at timestamptz not null,
    starts_at timestamptz not null,      -- the days that were planned
    ends_at timestamptz not null,
    is_dry_run boolean not null,
    seed bigint not null,
    rounds integer not null,
    policy jsonb not null,
    finished_at timestamptz,             -- null: it runs, or failed, or the server stopped in the middle of it
    visits integer not null default 0,
    engineers integer not null default 0,
    assigned integer not null default 0,
    left_out integer not null default 0,
    travel_s bigint not null default 0,  -- the drives to what was assigned
    constraint plan_run_pkey primary key (tenant_id, plan_run_id),
    constraint plan_run_tenant_fkey foreign key (tenant_id) references tenant (tenant_id),
    constraint plan_run_window_check check (starts_at < ends_at),
    constraint plan_run_rounds_check check (rounds between 0 and 20000)
);

-- What a run gave to whom; in a dry run, what it would have given.
create table planned_visit (
    tenant_id uuid not null,
    plan_run_id uuid not null,
    visit_id uuid not null,
    ticket_id uuid not null,
    engineer_id uuid not null,
    starts_at timestamptz not null,
    ends_at timestamptz not null,
    drive_s bigint not null,
    grant_id uuid,                       -- null in a dry run
    constraint planned_visit_pkey primary key (tenant_id, plan_run_id, visit_id),
    constraint planned_visit_run_fkey foreign key (tenant_id, plan_run_id) references plan_run (tenant_id, plan_run_id),
    constraint planned_visit_window_check check (starts_at < ends_at)
);

-- What a run could not give to anybody, and why.
create table left_for_later (
    tenant_id uuid not null,
    plan_run_id uuid not null,
    visit_id uuid not null,
    ticket_id uuid not null,
    reason text not null,                -- the rule that stopped those who came furthest, or what else stood in the way
    refused jsonb not null,              -- how many engineers each rule refused
    constraint left_for_later_pkey primary key (tenant_id, plan_run_id, visit_id),
    constraint left_for_later_run_fkey foreign key (tenant_id, plan_run_id) references plan_run (tenant_id, plan_run_id)
);

-- Why this engineer: written with the assignment, never changed.
create table assignment_explanation (
    tenant_id uuid not null,
    grant_id uuid not null,
    ticket_id uuid not null,
    visit_id uuid not null,
    decided_at timestamptz not null,
    decided_by uuid not null,
    mode text not null,
    engineer_id uuid not null,
    starts_at timestamptz not null,
    ends_at timestamptz not null,
    plan_run_id uuid,
    overridden text[] not null,          -- hard rules that a dispatcher broke knowingly
    considered jsonb not null,           -- the candidates with their scores in parts, and everyone refused with the reason
    policy jsonb not null,
    constraint assignment_explanation_pkey primary key (tenant_id, grant_id),
    constraint assignment_explanation_tenant_fkey foreign key (tenant_id) references tenant (tenant_id),
    constraint assignment_explanation_run_fkey foreign key (tenant_id, plan_run_id) references plan_run (tenant_id, plan_run_id),
    constraint assignment_explanation_mode_check check (mode in ('manual', 'suggested', 'automatic', 'plan')),
    constraint assignment_explanation_override_check check (overridden = '{}' or mode in ('manual', 'suggested'))
);
create index assignment_explanation_visit_idx on assignment_explanation (tenant_id, visit_id);

-- What the server would do and a dispatcher has not confirmed; without an engineer: nobody can, and why.
create table suggestion (
    tenant_id uuid not null,
    visit_id uuid not null,
    ticket_id uuid not null,
    made_at timestamptz not null,
    engineer_id uuid,
    starts_at timestamptz,
    ends_at timestamptz,
    considered jsonb not null,
    policy jsonb not null,
    constraint suggestion_pkey primary key (tenant_id, visit_id),
    constraint suggestion_tenant_fkey foreign key (tenant_id) references tenant (tenant_id),
    constraint suggestion_slot_check check ((engineer_id is null) = (starts_at is null) and (engineer_id is null) = (ends_at is null))
);

-- An engineer told the desk that he will not do a visit. What he declines on his phone is a fact of the ticket.
create table turned_down (
    tenant_id uuid not null,
    visit_id uuid not null,
    engineer_id uuid not null,
    grant_id uuid not null,
    reason text,
    recorded_by uuid not null,
    recorded_at timestamptz not null,
    constraint turned_down_pkey primary key (tenant_id, visit_id, engineer_id),
    constraint turned_down_engineer_fkey foreign key (tenant_id, engineer_id) references engineer (tenant_id, engineer_id),
    constraint turned_down_reason_check check (length(reason) between 1 and 500)
);

-- Visits nobody has: what a plan begins with.
create index visit_created_idx on visit (tenant_id, visit_id) where status = 'created';
create index fact_decline_idx on fact (tenant_id, visit_id) where kind = 'decline';

do $$
declare
    t text;
begin
    foreach t in array array[
        'plan_run', 'planned_visit', 'left_for_later', 'assignment_explanation', 'suggestion', 'turned_down'
    ] loop
        execute format('alter table %I enable row level security', t);
        execute format('alter table %I force row level security', t);
        execute format(
            'create policy tenant_isolation on %I to app
                using (tenant_id = (select nullif(current_setting(''app.tenant_id'', true), '''')::uuid))
                with check (tenant_id = (select nullif(current_setting(''app.tenant_id'', true), '''')::uuid))', t);
    end loop;
end
$$;

grant select, insert on assignment_explanation, planned_visit, left_for_later, turned_down to app;
grant select, insert, update on plan_run to app;
grant select, insert, update, delete on suggestion to app;
