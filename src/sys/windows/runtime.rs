//! The runtimes of other languages: their functions, looked up in the tables of their modules.
//!
//! GetProcAddress waits for the loader's lock, and whoever loads a library holds it while that is initialised: that
//! may wait for the very thread that asks. What is used here does not wait.

use core::cmp::Ordering;
use core::ffi::{CStr, c_void};
use core::ptr;
use windows_sys::Win32::System::Diagnostics::Debug::{
    IMAGE_DIRECTORY_ENTRY_EXPORT, IMAGE_NT_HEADERS64, RtlLookupFunctionEntry,
};
use windows_sys::Win32::System::SystemServices::{IMAGE_DOS_HEADER, IMAGE_EXPORT_DIRECTORY};

/// The function of that name in the module that has code at `address`.
///
/// # Safety
/// The module is not unloaded meanwhile.
pub unsafe fn function(address: usize, name: &CStr) -> Option<*const c_void> {
    let base = module(address)?;
    let at = |offset: u32| ptr::with_exposed_provenance::<c_void>(base + offset as usize);
    // SAFETY: the headers and tables of a module that is loaded, as the format says; the names are sorted.
    unsafe {
        let dos = &*at(0).cast::<IMAGE_DOS_HEADER>();
        let headers = &*at(u32::try_from(dos.e_lfanew).ok()?).cast::<IMAGE_NT_HEADERS64>();
        let exports = headers.OptionalHeader.DataDirectory.get(IMAGE_DIRECTORY_ENTRY_EXPORT as usize)?;
        if exports.Size == 0 {
            return None;
        }
        let table = &*at(exports.VirtualAddress).cast::<IMAGE_EXPORT_DIRECTORY>();
        let count = table.NumberOfNames as usize;
        let names = core::slice::from_raw_parts(at(table.AddressOfNames).cast::<u32>(), count);
        let order = |offset: &u32| -> Ordering { CStr::from_ptr(at(*offset).cast()).cmp(name) };
        let index = names.binary_search_by(order).ok()?;
        let ordinal = at(table.AddressOfNameOrdinals).cast::<u16>().add(index).read();
        let offset = at(table.AddressOfFunctions).cast::<u32>().add(usize::from(ordinal)).read();
        // One that lies among the tables is the name of another module's.
        let is_name = (exports.VirtualAddress..exports.VirtualAddress + exports.Size).contains(&offset);
        (!is_name).then(|| at(offset))
    }
}

/// Where the module begins that has code at that address.
pub fn module(address: usize) -> Option<usize> {
    let mut base = 0;
    // SAFETY: looks the address up, whatever it is.
    let entry = unsafe { RtlLookupFunctionEntry(address as u64, &mut base, ptr::null_mut()) };
    (!entry.is_null()).then_some(base as usize)
}
