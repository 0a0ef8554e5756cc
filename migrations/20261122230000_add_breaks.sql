-- Breaks of a shift: each begins between two moments, and then nobody works or drives for some minutes.

alter table shift add column breaks jsonb not null default '[]'; -- of directory::Break, in the order in which they are taken
