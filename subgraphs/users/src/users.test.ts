// The users service over HTTP, against PostgreSQL, in modules of test/. One suite, because loading the modules of the service and
// of its libraries costs more than most tests.
import './test/access.ts';
import './test/hashing-queue.ts';
import './test/mail.ts';
import './test/passwords.ts';
import './test/process.ts';
import './test/sessions.ts';
import './test/staff.ts';
