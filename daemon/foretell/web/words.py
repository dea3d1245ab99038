"""Every word of the page, in both languages side by side."""

from __future__ import annotations

LANGUAGES = ("en", "zh")
TAGS = {"en": "en", "zh": "zh-CN"}
"""What stands in the page's `lang`."""

WORDS: dict[str, tuple[str, str]] = {
    # the state of everything, in one line
    "state_quiet": ("All quiet", "一切正常"),
    "state_open": ("{n} open tickets", "{n} 张待办工单"),
    "state_open_1": ("1 open ticket", "1 张待办工单"),
    "state_overdue": ("{n} tickets overdue", "{n} 张工单已逾期"),
    "state_overdue_1": ("1 ticket overdue", "1 张工单已逾期"),
    "state_blind": ("Not connected: nothing is heard", "连接中断，收不到设备数据"),
    "state_starting": ("Not ready", "尚未就绪"),
    # how fresh
    "last_message": ("Last message {ago} ago", "最近一条数据：{ago}前"),
    "last_message_now": ("Messages are arriving", "数据正常接收中"),
    "last_message_never": ("No message yet", "尚未收到数据"),
    "devices": ("{n} devices", "{n} 台设备"),
    "devices_1": ("1 device", "1 台设备"),
    "offline": ("{n} offline", "{n} 台离线"),
    "rules": ("{n} rules", "{n} 条规则"),
    "rules_1": ("1 rule", "1 条规则"),
    "as_of": ("As of {at}", "截至 {at}"),
    # banners
    "note_blind": (
        "The MQTT broker cannot be reached. What follows is the last known state; new faults are not seen.",
        "无法连接消息服务器（MQTT）。以下为最后已知状态，新的故障目前发现不了。",
    ),
    "banner_stale": (
        "Connected, but no message for {ago}. Check the gateways and the broker.",
        "连接正常，但已有 {ago}没有任何数据。请检查网关和消息服务器。",
    ),
    "banner_not_ready": ("Not ready yet:", "尚未就绪："),
    "banner_files": (
        "The files have problems; the previous rules stay in force:",
        "配置文件有错误，仍按原有规则运行：",
    ),
    "banner_clock": ("Clock of the recording: {at}", "录制数据的时钟：{at}"),
    "more_problems": ("and {n} more", "另有 {n} 处"),
    # the lists
    "open_tickets": ("Open tickets ({n}), most urgent first", "待办工单 {n} 张（按到期时间排序）"),
    "recently_closed": ("Recently closed ({n})", "最近关闭（{n}）"),
    "more_tickets": ("{n} more open tickets are not shown here.", "另有 {n} 张待办工单未在此显示。"),
    "empty": ("No open tickets.", "目前没有待办工单。"),
    "empty_checked": (
        "{devices} are held against {rules}. Last message: {at}, {ago} ago.",
        "{devices}正在按 {rules}检查。最近一条数据：{at}（{ago}前）。",
    ),
    "empty_never": (
        "Nothing has been checked yet: no message has arrived. {devices}, {rules}; looked at {at}.",
        "尚未收到数据，还没有可检查的内容。{devices}，{rules}；查看时间 {at}。",
    ),
    # a ticket
    "why": ("Why", "原因"),
    "do": ("What to do", "处理建议"),
    "since": ("Since", "开始时间"),
    "ago": ("{span} ago", "{span}前"),
    "due": ("Due", "到期时间"),
    "due_in": ("Due in {span}", "还剩 {span}"),
    "overdue_by": ("Overdue by {span}", "已逾期 {span}"),
    "ticket_state": ("Ticket", "工单状态"),
    "condition": ("Condition", "设备状况"),
    "route": ("For", "派单对象"),
    "part": ("Part", "部位"),
    "device": ("Device", "设备"),
    "closed_at": ("Closed", "关闭时间"),
    "outcome": ("Outcome", "处理结果"),
    "fault": ("Failure mode", "故障类型"),
    "rule": ("Rule", "规则"),
    "ticket_number": ("Ticket {n}", "工单 {n}"),
    # one ticket
    "back": ("All tickets", "返回工单列表"),
    "history": ("What happened", "处理经过"),
    "events_left_out": ("{n} earlier events are not shown.", "较早的 {n} 条记录未显示。"),
    "evidence": ("Evidence", "依据"),
    "finding": ("Finding", "检测结果"),
    "recent": ("Latest values", "最近数值"),
    "spark": ("Latest values: {values}", "最近数值：{values}"),
    "spark_limit": ("Latest values: {values}; the limit is {limit}", "最近数值：{values}；限值 {limit}"),
    "measured": ("Measured", "测量时间"),
    "verdict": ("Holds", "是否成立"),
    "verdict_true": ("yes", "是"),
    "verdict_false": ("no", "否"),
    "verdict_none": ("unknown", "未知"),
    "reported": ("Owners reported it {n} times, first at {at}", "业主报事 {n} 次，最早 {at}"),
    "reported_1": ("An owner reported it at {at}", "业主于 {at} 报事"),
    # what rules in shadow would have opened
    "shadow_title": ("Shadow: would-be tickets", "试运行：模拟工单"),
    "shadow_note": (
        "Rules in shadow are being tried out. These tickets would have been opened; nobody is bothered.",
        "试运行中的规则只做记录。以下是“本会开出”的工单，不派单，也不打扰任何人。",
    ),
    "shadow_open": ("Would be open now ({n})", "目前本会未完成的工单（{n}）"),
    "shadow_empty": ("No rule in shadow would have opened a ticket.", "试运行中的规则没有发现异常。"),
    "back_to_shadow": ("All would-be tickets", "返回模拟工单"),
    # the frame
    "skip": ("Skip to the tickets", "跳到工单列表"),
    "language": ("Language", "语言"),
    "updates": ("Updates every 15 s", "每 15 秒自动刷新"),
    "paused": ("Updating is paused", "自动刷新已暂停"),
    "pause": ("Pause", "暂停刷新"),
    "resume": ("Resume", "恢复刷新"),
    # values that the machine writes
    "state.open": ("Open", "待处理"),
    "state.acknowledged": ("Acknowledged", "已接单"),
    "state.fixed": ("Fixed, not closed", "已修复，待关闭"),
    "state.closed": ("Closed", "已关闭"),
    "condition.holding": ("Still holds", "异常持续"),
    "condition.cleared": ("Cleared", "已恢复"),
    "condition.unknown": ("Unknown: no data", "未知（无数据）"),
    "outcome.confirmed": ("Fault confirmed", "故障属实"),
    "outcome.no_fault_found": ("No fault found", "误报：未发现故障"),
    "outcome.rule_wrong": ("False alarm: rule", "误报：规则不当"),
    "outcome.sensor_wrong": ("False alarm: sensor", "误报：传感器异常"),
    "outcome.already_fixed": ("Already fixed", "此前已修复"),
    "outcome.duplicate": ("Duplicate", "重复工单"),
    "outcome.cleared_itself": ("Cleared by itself", "自行恢复"),
    "event.opened": ("Opened", "开单"),
    "event.joined": ("Another finding joined", "并入新的发现"),
    "event.reopened": ("Reopened", "重新打开"),
    "event.news": ("News", "情况更新"),
    "event.cleared": ("Condition cleared", "状况恢复"),
    "event.lost_sight": ("Lost sight of it", "失去数据"),
    "event.acknowledged": ("Acknowledged", "接单"),
    "event.fixed": ("Fixed", "修复"),
    "event.reported": ("Reported by an owner", "业主报事"),
    "event.closed": ("Closed", "关闭"),
    "route.maintainer": ("Lift maintainer", "维保单位"),
    "route.engineer": ("Engineer", "工程部"),
    "route.cleaner": ("Cleaner", "保洁"),
    "route.guard": ("Guard", "保安"),
    "route.duty": ("Duty desk", "值班客服"),
    "fault.access-life": ("Wear of a door or barrier", "门禁及道闸磨损"),
    "fault.access-power": ("Power supply of the door", "门禁电源"),
    "fault.access-terminal": ("Access terminal", "识别终端"),
    "fault.backup-battery": ("Backup battery", "备用电池"),
    "fault.barrier": ("Barrier", "道闸"),
    "fault.bearing": ("Bearing", "轴承"),
    "fault.box-link": ("Link of the monitoring box", "采集盒通讯"),
    "fault.brake": ("Brake", "制动器"),
    "fault.controller-link": ("Link of the controller", "控制器通讯"),
    "fault.dangerous-fault": ("Dangerous fault", "危险故障"),
    "fault.device-clock": ("Clock of the device", "设备时钟"),
    "fault.device-silent": ("No data from the device", "设备无数据"),
    "fault.dispatching": ("Group control", "群控派梯"),
    "fault.door-closer": ("Door closer", "闭门器"),
    "fault.door-dead": ("Door out of use", "门禁失效"),
    "fault.door-held": ("Door held open", "门被顶住未关"),
    "fault.door-latch": ("Latch and door contact", "锁舌与门磁"),
    "fault.door-obstruction": ("Door obstruction", "门区遮挡"),
    "fault.door-operator": ("Door operator", "门机"),
    "fault.door-propped": ("Door often propped open", "门经常被顶住"),
    "fault.door-reader": ("Card reader", "读卡器"),
    "fault.door-wear": ("Door wear parts", "门系统磨损件"),
    "fault.drive-heat": ("Drive temperature", "变频器温度"),
    "fault.dry-run": ("Pump without water", "水泵缺水干转"),
    "fault.emergency-light": ("Emergency lamp", "应急照明"),
    "fault.entrapment": ("Entrapment", "困人"),
    "fault.field-bus": ("Field bus", "现场总线"),
    "fault.friction": ("Rising friction", "运行阻力增大"),
    "fault.gateway-heat": ("Gateway temperature", "网关温度"),
    "fault.gateway-link": ("Link of the gateway", "网关通讯"),
    "fault.gateway-power": ("Power supply of the gateway", "网关电源"),
    "fault.gateway-restarts": ("Gateway restarts", "网关重启"),
    "fault.gateway-storage": ("Storage of the gateway", "网关存储"),
    "fault.guide-rail": ("Guide rail", "导轨"),
    "fault.handrail": ("Handrail", "扶手带"),
    "fault.intercom": ("Intercom", "对讲"),
    "fault.lamp": ("Lamp", "灯具"),
    "fault.lamp-driver": ("Lamp driver", "灯具驱动电源"),
    "fault.lamp-life": ("Life of the lamps", "灯具寿命"),
    "fault.landing-button": ("Landing button", "外呼按钮"),
    "fault.landing-door": ("Landing door", "层门"),
    "fault.levelling": ("Levelling", "平层"),
    "fault.light-level": ("Too little light", "照度不足"),
    "fault.light-switching": ("Switching of the lamps", "照明控制"),
    "fault.lock": ("Lock", "门锁"),
    "fault.lock-battery": ("Battery of the lock", "门锁电池"),
    "fault.machine-room-heat": ("Machine room heat", "机房温度"),
    "fault.motion-sensor": ("Motion sensor", "人体感应器"),
    "fault.out-of-service": ("Out of service", "停梯"),
    "fault.owner-report": ("Owner's report", "业主报事"),
    "fault.overheating": ("Overheating", "过热"),
    "fault.pit-flood": ("Flooding of the pit", "集水坑溢水"),
    "fault.pit-water": ("Water in the pit", "底坑积水"),
    "fault.position": ("Floor position", "楼层位置"),
    "fault.pump-fault": ("Pump fault", "水泵故障"),
    "fault.pump-idle": ("Pump that never runs", "水泵久未启动"),
    "fault.pump-not-auto": ("Pump not on automatic", "水泵未在自动位"),
    "fault.pump-short-cycling": ("Pump starts too often", "水泵频繁启停"),
    "fault.pump-wear": ("Pump wear", "水泵磨损"),
    "fault.rule-misbehaves": ("Rule opens too much", "规则触发过于频繁"),
    "fault.repeat-breakdown": ("Repeated breakdown", "反复故障"),
    "fault.rescue-battery": ("Rescue and alarm battery", "应急电池"),
    "fault.ride": ("Ride comfort", "运行舒适性"),
    "fault.ropes": ("Ropes", "钢丝绳"),
    "fault.safety-circuit": ("Safety circuit", "安全回路"),
    "fault.safety-switch": ("Safety switch", "安全开关"),
    "fault.sensor-stuck": ("Stuck sensor", "传感器卡死"),
    "fault.standstill": ("Standstill", "停运不动"),
    "fault.start-failure": ("Start failure", "启动失败"),
    "fault.supply-voltage": ("Supply voltage", "供电电压"),
    "fault.tamper": ("Cover opened", "防拆报警"),
    "fault.tank-low": ("Water tank", "水箱"),
    "fault.traction": ("Traction", "曳引能力"),
    "fault.unstable-link": ("Unstable connection", "通讯不稳"),
    "fault.unusable-data": ("Unusable data", "数据无法使用"),
    "fault.water-leak": ("Water leak", "漏水"),
    "fault.water-pressure": ("Water pressure", "供水压力"),
    "fault.weak-link": ("Weak signal", "信号弱"),
}


def say(language: str, key: str, **values: object) -> str:
    """The words for `key`; with n=1, those for one. What nobody named stands as it is."""
    pair = (WORDS.get(f"{key}_1") if values.get("n") == 1 else None) or WORDS.get(key)
    if pair is None:
        return key.partition(".")[2]
    return pair[LANGUAGES.index(language)].format(**values)


def choose_language(asked: str | None, accepted: str, site: str) -> str:
    """The language asked for in the address, else the browser's best of ours, else the site's."""
    if asked is not None and (known := _known(asked)):
        return known
    wishes = sorted((_wish(each) for each in accepted[:500].split(",")), key=lambda wish: -wish[0])
    for quality, tag in wishes:
        if quality > 0 and (known := _known(tag)):
            return known
    return _known(site) or "en"


def _known(tag: str) -> str:
    main = tag.strip().lower().partition("-")[0]
    return main if main in LANGUAGES else ""


def _wish(text: str) -> tuple[float, str]:
    tag, _, quality = text.partition(";q=")
    try:
        return float(quality or 1), tag
    except ValueError:
        return 0.0, tag
