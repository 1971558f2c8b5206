import type { CheckedLimits } from '../checked.ts'
import type { Write } from '../writes.ts'

/** Documentation/admin-guide/cgroup-v1/hugetlb.rst. Reservations, where the kernel counts them, get the same limit. */
export function hugetlbWrites(hugetlb: CheckedLimits['hugetlb']): Write[] {
  return [...hugetlb].flatMap(([pages, amount]): Write[] => {
    const value = amount === 'max' ? '-1' : `${amount}`
    return [
      { file: `hugetlb.${pages}.limit_in_bytes`, value, field: `hugetlb.${pages}` },
      { file: `hugetlb.${pages}.rsvd.limit_in_bytes`, value, field: `hugetlb.${pages}`, optional: true },
    ]
  })
}
