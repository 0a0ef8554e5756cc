-- Drafts: what the days come to before and after, what becomes of appointments that somebody has, and what would have to
-- give for those who are left.

alter table plan_run
    add column is_replan boolean not null default false,  -- whether appointments that somebody has may move
    add column before jsonb,             -- figures of the days as they were; null: not a draft
    add column after jsonb;

alter table planned_visit
    add column change text not null default 'new',
    add column from_grant_id uuid,       -- the appointment that somebody has
    add column from_engineer_id uuid,
    add column from_starts_at timestamptz,
    add column from_ends_at timestamptz,
    add constraint planned_visit_change_check check (change in ('new', 'moved', 'unchanged', 'dropped')),
    add constraint planned_visit_from_check check (
        (change = 'new') = (from_grant_id is null)
        and (from_grant_id is null) = (from_engineer_id is null)
        and (from_grant_id is null) = (from_starts_at is null)
        and (from_grant_id is null) = (from_ends_at is null)
    );

alter table left_for_later
    add column relaxations jsonb not null default '[]';  -- the least changes of which each would serve it
