"""lowthread for Conan: `conan create packages/conan` in the source tree. It wants Rust on the machine."""

import os

from conan import ConanFile
from conan.tools.cmake import CMake, CMakeToolchain, cmake_layout
from conan.tools.files import copy, load, rmdir


class Lowthread(ConanFile):
    name = "lowthread"
    license = "MIT OR Apache-2.0"
    description = "Threading of Python's _thread for C and C++: locks, queues, pools, timers behind opaque handles"
    topics = ("threads", "mutex", "queue", "thread-pool")
    settings = "os", "arch", "compiler", "build_type"
    options = {"shared": [True, False]}
    default_options = {"shared": True}
    package_type = "library"

    @property
    def _root(self):
        return os.path.join(self.recipe_folder, "..", "..")

    def set_version(self):
        lines = load(self, os.path.join(self._root, "Cargo.toml")).splitlines()
        self.version = next(line.split('"')[1] for line in lines if line.startswith("version = "))

    def export_sources(self):
        for pattern in (
            "Cargo.*", "build.rs", "CMakeLists.txt", "LICENSE-*", "README.md", "CHANGELOG.md",
            "abi/*", "cmake/*", "include/*", "src/*", "tools/*", ".cargo/*", "vendor/*",
        ):
            copy(self, pattern, src=self._root, dst=self.export_sources_folder, excludes="*/target/*")

    def configure(self):
        # The headers for C++ have no objects.
        self.settings.rm_safe("compiler.cppstd")
        self.settings.rm_safe("compiler.libcxx")

    def layout(self):
        cmake_layout(self)

    def generate(self):
        toolchain = CMakeToolchain(self)
        toolchain.cache_variables["LOWTHREAD_BUILD_TESTS"] = False
        toolchain.cache_variables["LOWTHREAD_BUILD_EXAMPLES"] = False
        toolchain.generate()

    def build(self):
        cmake = CMake(self)
        cmake.configure()
        cmake.build()

    def package(self):
        CMake(self).install()
        copy(self, "LICENSE-*", src=self.source_folder, dst=os.path.join(self.package_folder, "licenses"))
        rmdir(self, os.path.join(self.package_folder, "lib", "pkgconfig"))
        rmdir(self, os.path.join(self.package_folder, "lib", "cmake"))

    def package_info(self):
        self.cpp_info.set_property("cmake_file_name", "lowthread")
        self.cpp_info.set_property("cmake_target_name", "lowthread::lowthread")
        self.cpp_info.set_property("pkg_config_name", "lowthread")
        self.cpp_info.libs = ["lowthread"] if self.options.shared else [":liblowthread.a"]
        if self.settings.os in ("Linux", "FreeBSD"):
            self.cpp_info.system_libs = ["pthread", "dl", "rt", "m"]
