"""China's provinces as addresses write them: with or without their official ending (GB/T 2260)."""

from __future__ import annotations

import re

_NAMES = (
    *("北京", "天津", "河北", "山西", "内蒙古", "辽宁", "吉林", "黑龙江", "上海", "江苏", "浙江", "安徽", "福建"),
    *("江西", "山东", "河南", "湖北", "湖南", "广东", "广西", "海南", "重庆", "四川", "贵州", "云南", "西藏"),
    *("陕西", "甘肃", "青海", "宁夏", "新疆", "台湾", "香港", "澳门"),
)
_ENDINGS = ("特别行政区", "维吾尔自治区", "壮族自治区", "回族自治区", "自治区", "省", "市")
_FORM = re.compile(rf"({'|'.join(_NAMES)})(?:{'|'.join(_ENDINGS)})?(.*)")
_BETWEEN = re.compile(r"[\s,，、/\-]+")


def split(region: str) -> tuple[str, str]:
    """`新疆维吾尔自治区 和田地区` is (新疆, 和田地区); ("", …) when it begins with no province."""
    found = _FORM.fullmatch(_BETWEEN.sub("", region))
    return (found[1], found[2]) if found else ("", region)
