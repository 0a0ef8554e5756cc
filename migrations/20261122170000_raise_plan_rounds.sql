-- A round takes some hundredth of a millisecond now, so plans have many more of them.
alter table plan_run drop constraint plan_run_rounds_check;
alter table plan_run add constraint plan_run_rounds_check check (rounds between 0 and 2000000);
