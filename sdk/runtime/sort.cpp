// SPDX-License-Identifier: MIT OR Apache-2.0
//
// libc++ declares std::sort of plain numbers and expects its body in the library, which agents do not link. Heap sort:
// small, in place, never quadratic.
#include <algorithm>

namespace std {
inline namespace __1 {

// The comparison is always "less"; libc++'s type for it is only a tag here.
template <class Compare, class Iterator>
void __sort(Iterator first, Iterator last, Compare) {
  const auto less = [](auto a, auto b) { return a < b; };
  std::make_heap(first, last, less);
  std::sort_heap(first, last, less);
}

#define RVM_SORT(T) template void __sort<__less<T>&, T*>(T*, T*, __less<T>&);
RVM_SORT(char)
RVM_SORT(signed char)
RVM_SORT(unsigned char)
RVM_SORT(short)
RVM_SORT(unsigned short)
RVM_SORT(int)
RVM_SORT(unsigned)
RVM_SORT(long)
RVM_SORT(unsigned long)
RVM_SORT(long long)
RVM_SORT(unsigned long long)
RVM_SORT(float)
RVM_SORT(double)
#undef RVM_SORT

}  // namespace __1
}  // namespace std
