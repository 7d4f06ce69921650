// Where the alerts stand.
import { join } from 'node:path';
import { ROOT } from '@holdfast/scripts/settings';

export const RULES = join(ROOT, 'k8s/components/prometheus-grafana/rules.yaml');
