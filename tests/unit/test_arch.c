/* SPDX-License-Identifier: MIT */
/* QEMU's command line for each architecture of test machines. */
#include "unit.h"

#include <string.h>

#include "vmrun/arch.h"
#include "vmrun/qemu.h"

static bool has(const struct argv *a, const char *word)
{
	for (size_t i = 0; i < a->n; i++)
		if (!strcmp(a->v[i], word))
			return true;
	return false;
}

static struct argv command_line(const char *arch)
{
	const struct arch *a = arch_find(arch);
	struct flavor flavor = {.name = "any", .memory_mib = 1024, .vcpus = 2};
	struct argv argv = {0};

	assert_non_null(a);
	qemu_argv(&argv, &(struct machine){.arch = a,
					   .qemu = a->qemu,
					   .type = a->machine,
					   .accel = "tcg",
					   .cpu = a->tcg_cpu,
					   .kernel = "k",
					   .initrd = "i",
					   .root = "r",
					   .append = "",
					   .run_file = "f",
					   .flavor = &flavor});
	assert_false(argv.failed);
	return argv;
}

static void each_architecture_has_its_devices(void **state)
{
	static const struct {
		const char *arch, *qemu, *machine, *disk, *net, *shell;
		bool pvpanic, fw_cfg;
	} cases[] = {
	    {"amd64", "qemu-system-x86_64", "q35,sata=off,smbus=off", "virtio-blk-pci,drive=root",
	     "virtio-net-pci,netdev=net0,romfile=", "isa-serial,chardev=xshell,index=1", true, true},
	    {"arm64", "qemu-system-aarch64", "virt", "virtio-blk-pci,drive=root",
	     "virtio-net-pci,netdev=net0,romfile=", "virtconsole,bus=xser.0,chardev=xshell", true, true},
	    {"s390x", "qemu-system-s390x", "s390-ccw-virtio", "virtio-blk-ccw,drive=root",
	     "virtio-net-ccw,netdev=net0", "virtconsole,bus=xser.0,chardev=xshell", false, false},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct argv a = command_line(cases[i].arch);

		assert_string_equal(a.v[0], cases[i].qemu);
		assert_true(has(&a, cases[i].machine) && has(&a, cases[i].disk) && has(&a, cases[i].net) &&
			    has(&a, cases[i].shell));
		assert_int_equal(has(&a, "pvpanic-pci"), cases[i].pvpanic);
		assert_int_equal(has(&a, "-fw_cfg"), cases[i].fw_cfg);
		argv_free(&a);
	}
}

static void architectures_have_two_names(void **state)
{
	assert_ptr_equal(arch_find("arm64"), arch_find("aarch64"));
	assert_ptr_equal(arch_find("amd64"), arch_find("x86_64"));
	assert_null(arch_find("riscv64"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(each_architecture_has_its_devices),
	    cmocka_unit_test(architectures_have_two_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
