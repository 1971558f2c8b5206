import type { CheckedLimits } from '../checked.ts'
import type { Write } from '../writes.ts'

/** Documentation/admin-guide/cgroup-v2.rst, "HugeTLB Interface Files". Reservations, where the kernel counts them, get the same limit. */
export function hugetlbWrites(hugetlb: CheckedLimits['hugetlb']): Write[] {
  return [...hugetlb].flatMap(([pages, amount]): Write[] => [
    { file: `hugetlb.${pages}.max`, value: `${amount}`, field: `hugetlb.${pages}` },
    { file: `hugetlb.${pages}.rsvd.max`, value: `${amount}`, field: `hugetlb.${pages}`, optional: true },
  ])
}
