/// @file
/// What C tells in an array of structs that begin with their size.
#ifndef LOWTHREAD_INFOS_HPP
#define LOWTHREAD_INFOS_HPP

#include <lowthread/status.hpp>

#include <cstddef>
#include <vector>

LT_NAMESPACE_BEGIN

namespace detail {

/// All that the function tells, however many there are by then.
template <typename Info> std::vector<Info> all(lt_status (*tell)(Info *, std::size_t, std::size_t *)) {
    std::vector<Info> infos(16);
    for (;;) {
        infos[0].size = sizeof(Info);
        std::size_t count = 0;
        check(tell(infos.data(), infos.size(), &count));
        if (count <= infos.size()) {
            infos.resize(count);
            return infos;
        }
        infos.resize(count + 16);
    }
}

} // namespace detail

LT_NAMESPACE_END

#endif
