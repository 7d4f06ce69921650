-- CreateIndex: the newest token of every session, which is the unused one, in the order in which they expire: the sweep.
CREATE INDEX "sessions_unused_expires_at_idx" ON "users"."sessions" ("expires_at") WHERE "used_at" IS NULL;

-- CreateIndex: whether there is another staff account.
CREATE INDEX "users_staff_idx" ON "users"."users" ("id") WHERE "role" = 'STAFF';
